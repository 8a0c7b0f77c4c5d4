// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Models where other tools put them, in a home that is made up.
#include "engine/found_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "engine/model_names.h"

namespace headwise {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
namespace fs = std::filesystem;

class FoundModels : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = fs::temp_directory_path() / ("headwise_found_" + std::to_string(::getpid()) + "_" +
                                         ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(home_);
    places_ = {.own = home_ / "own",
               .hugging_face = home_ / "hub",
               .ollama = {home_ / "ollama"},
               .lm_studio = {home_ / "lm"},
               .llama_cpp = home_ / "llama.cpp"};
  }
  void TearDown() override { fs::remove_all(home_); }
  void put(const fs::path& file, const std::string& text = "x") {
    fs::create_directories((home_ / file).parent_path());
    std::ofstream(home_ / file) << text;
  }
  void put_repository(const std::string& folder, const std::string& commit,
                      const std::vector<fs::path>& files) {
    for (const fs::path& file : files) put(fs::path("hub") / folder / "snapshots" / commit / file);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const FoundModel& model : find_models(places_)) names.push_back(model.name);
    return names;
  }
  std::vector<std::string> meant_by(const char* name) const {
    std::vector<std::string> names;
    for (const FoundModel& model : models_named(find_models(places_), name)) names.push_back(model.name);
    return names;
  }

  fs::path home_;
  ModelPlaces places_;
};

TEST_F(FoundModels, NothingThereIsNoError) {
  EXPECT_THAT(names(), IsEmpty());
  put("hub", "a file where a folder was");
  put("ollama/manifests", "likewise");
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(FoundModels, HuggingFace) {
  const std::string commit(40, 'a'), older(40, 'b');
  put_repository("models--Qwen--Qwen3-0.6B", commit, {"config.json", "model.safetensors", "tokenizer.json"});
  put_repository("models--Qwen--Qwen3-0.6B", older, {"config.json", "model.safetensors"});
  put("hub/models--Qwen--Qwen3-0.6B/refs/main", commit + "\n");
  put("hub/models--Qwen--Qwen3-0.6B/refs/pr/7", older);
  put_repository("models--gpt2", commit, {"config.json", "model.safetensors"});
  put_repository("datasets--Qwen--Text", commit, {"config.json"});
  put("hub/models--never--finished/blobs/abc.incomplete");
  EXPECT_THAT(names(), ElementsAre("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B@bbbbbbbbbbbb", "gpt2"));
  EXPECT_THAT(meant_by("qwen/qwen3-0.6b"), ElementsAre("Qwen/Qwen3-0.6B"));
  EXPECT_THAT(meant_by("Qwen3-0.6B"), ElementsAre("Qwen/Qwen3-0.6B"));
  EXPECT_THAT(meant_by("Qwen/Qwen3-0.6B@main"), ElementsAre("Qwen/Qwen3-0.6B"));
  EXPECT_THAT(meant_by("Qwen/Qwen3-0.6B@pr/7"), ElementsAre("Qwen/Qwen3-0.6B@bbbbbbbbbbbb"));
  EXPECT_THAT(meant_by(("Qwen/Qwen3-0.6B@" + older).c_str()), ElementsAre("Qwen/Qwen3-0.6B@bbbbbbbbbbbb"));
  EXPECT_THAT(meant_by("Qwen/Qwen3"), IsEmpty());
  EXPECT_EQ(models_named(find_models(places_), "gpt2").front().path,
            home_ / "hub/models--gpt2/snapshots" / commit);
}

TEST_F(FoundModels, GgufFilesOfARepository) {
  const std::string commit(40, 'c');
  put_repository("models--bartowski--Tiny-GGUF", commit,
                 {"Tiny-Q4_K_M.gguf", "Tiny-Q8_0.gguf", "big/Tiny-F16-00001-of-00002.gguf",
                  "big/Tiny-F16-00002-of-00002.gguf", "mmproj-Tiny-f16.gguf", "config.json"});
  EXPECT_THAT(names(), UnorderedElementsAre("bartowski/Tiny-GGUF:Q4_K_M", "bartowski/Tiny-GGUF:Q8_0",
                                            "bartowski/Tiny-GGUF:F16"));
  EXPECT_THAT(meant_by("bartowski/tiny-gguf:q8_0"), ElementsAre("bartowski/Tiny-GGUF:Q8_0"));
  EXPECT_THAT(meant_by("bartowski/Tiny-GGUF/Tiny-Q8_0.gguf"), ElementsAre("bartowski/Tiny-GGUF:Q8_0"));
  EXPECT_THAT(meant_by("Tiny-Q8_0.gguf"), ElementsAre("bartowski/Tiny-GGUF:Q8_0"));
  EXPECT_EQ(meant_by("bartowski/Tiny-GGUF").size(), 3u) << "all candidates are told";
  EXPECT_EQ(meant_by("tiny").size(), 3u);
}

TEST_F(FoundModels, Ollama) {
  const auto manifest = [](const char* digest) {
    return R"({"layers":[{"mediaType":"application/vnd.ollama.image.license","digest":"sha256:no"},)"
           R"({"mediaType":"application/vnd.ollama.image.model","digest":")" +
           std::string(digest) + "\"}]}";
  };
  put("ollama/manifests/registry.ollama.ai/library/qwen3/0.6b", manifest("sha256:aa"));
  put("ollama/manifests/registry.ollama.ai/library/llama3/latest", manifest("sha256:bb"));
  put("ollama/manifests/registry.ollama.ai/library/llama3/8b", manifest("sha256:cc"));
  put("ollama/manifests/registry.ollama.ai/someone/own/v1", manifest("sha256:dd"));
  put("ollama/manifests/hf.co/Qwen/Tiny-GGUF/Q8_0", manifest("sha256:ee"));
  put("ollama/manifests/registry.ollama.ai/library/broken/1", "{\"layers\": [");
  put("ollama/manifests/registry.ollama.ai/library/odd/1", "{\"layers\": {\"digest\": 7}}");
  put("ollama/manifests/registry.ollama.ai/library/astray/1", manifest("../../etc/passwd"));
  put("ollama/blobs/sha256-aa");
  EXPECT_THAT(names(), UnorderedElementsAre("qwen3:0.6b", "llama3:latest", "llama3:8b", "someone/own:v1",
                                            "hf.co/Qwen/Tiny-GGUF:Q8_0"));
  EXPECT_EQ(models_named(find_models(places_), "qwen3:0.6b").front().path, home_ / "ollama/blobs/sha256-aa");
  EXPECT_THAT(meant_by("qwen3"), ElementsAre("qwen3:0.6b"));
  EXPECT_THAT(meant_by("llama3"), ElementsAre("llama3:latest")) << "as `ollama run llama3` means it";
  EXPECT_THAT(meant_by("LLAMA3:8B"), ElementsAre("llama3:8b"));
}

TEST_F(FoundModels, LmStudioAndLlamaCpp) {
  put("lm/lmstudio-community/Tiny-GGUF/Tiny-Q6_K.gguf");
  put("lm/mlx-community/Tiny/config.json");
  put("lm/mlx-community/Tiny/model.safetensors");
  put("llama.cpp/ggml-org_Other-GGUF_sub_other-q4_0.gguf");
  put("llama.cpp/plain-q5_0.gguf");
  put("llama.cpp/plain-q5_0.gguf.etag");
  put("llama.cpp/manifest=ggml-org=Other-GGUF=latest.json",
      R"({"ggufFile":{"rfilename":"sub/other-q4_0.gguf"}})");
  put("llama.cpp/manifest=broken=.json", "{");
  EXPECT_THAT(names(), UnorderedElementsAre("lmstudio-community/Tiny-GGUF:Q6_K", "mlx-community/Tiny",
                                            "ggml-org/Other-GGUF:latest", "plain-q5_0.gguf"));
  EXPECT_THAT(meant_by("ggml-org/Other-GGUF"), ElementsAre("ggml-org/Other-GGUF:latest"));
  EXPECT_THAT(meant_by("plain"), ElementsAre("plain-q5_0.gguf"));
}

TEST_F(FoundModels, OneFileFoundTwiceIsOneModel) {
  put("lm/maker/Tiny-GGUF/Tiny-Q8_0.gguf");
  fs::create_directories(home_ / "llama.cpp");
  fs::create_symlink(home_ / "lm/maker/Tiny-GGUF/Tiny-Q8_0.gguf", home_ / "llama.cpp/tiny-q8_0.gguf");
  EXPECT_EQ(names().size(), 2u);
  EXPECT_EQ(meant_by("tiny").size(), 1u);
}

TEST(ModelNames, FromAFilesName) {
  EXPECT_EQ(quantisation_in("a/Qwen3-0.6B-Q4_K_M.gguf"), "Q4_K_M");
  EXPECT_EQ(quantisation_in("model.fp16.GGUF"), "fp16");
  EXPECT_EQ(quantisation_in("gpt-oss-20b-MXFP4.gguf"), "MXFP4");
  EXPECT_EQ(quantisation_in("m-IQ2_XS-00001-of-00003.gguf"), "IQ2_XS");
  EXPECT_EQ(quantisation_in("sha256-abc"), "");
  EXPECT_TRUE(is_gguf_model("m-00001-of-00003.gguf"));
  EXPECT_FALSE(is_gguf_model("m-00002-of-00003.gguf"));
  EXPECT_FALSE(is_gguf_model("mmproj-model.gguf"));
  EXPECT_FALSE(is_gguf_model("m.gguf.incomplete"));
}

}  // namespace
}  // namespace headwise
