// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A fuzz target without a fuzzer: feeds it every file of the folders named on the command line, whole, cut at
// up to 64 places, and with up to 512 single bytes changed. Deterministic, so it is an ordinary fast test.
// What it is not: a search for new inputs; the preset `fuzz` does that.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

// An exact-size copy on the heap each time, so that AddressSanitizer sees a read past the end.
void run(const Bytes& bytes, size_t size) {
  const Bytes exact(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

void replay(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  Bytes bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  run(bytes, bytes.size());
  for (size_t step = 0; step < 64 && step < bytes.size(); ++step) {
    run(bytes, bytes.size() * step / std::min<size_t>(64, bytes.size()));
  }
  constexpr uint8_t kFlips[] = {0x01, 0x80, 0xff};
  const size_t stride = std::max<size_t>(1, bytes.size() / 512);
  for (size_t at = 0; at < bytes.size(); at += stride) {
    const uint8_t flip = kFlips[(at / stride) % std::size(kFlips)];
    bytes[at] ^= flip;
    run(bytes, bytes.size());
    bytes[at] ^= flip;
  }
}

}  // namespace

int main(int argc, char** argv) {
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      std::fprintf(stderr, "'%s' is not a folder of seeds\n", argv[i]);
      return 1;
    }
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const std::filesystem::path& path : paths) {
      replay(path);
      ++files;
    }
  }
  std::fprintf(stderr, "replayed %d seed files\n", files);
  return files > 0 ? 0 : 1;  // an empty corpus would test nothing
}
