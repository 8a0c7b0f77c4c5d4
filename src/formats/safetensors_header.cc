// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// {"__metadata__": {text: text}, name: {"dtype": text, "shape": [n, ...], "data_offsets": [begin, end]}, ...}
#include "formats/safetensors_header.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "formats/printable.h"

namespace headwise {
namespace {

using Json = nlohmann::json;

// What nlohmann's parser calls; false stops it. The member names are its, not ours.
class HeaderEvents {
 public:
  Result<SafetensorsHeader> take() && {
    if (!problem_.empty()) return fail(ErrorCode::kInvalidInput, std::move(problem_));
    if (place_ != Place::kDone) return fail(ErrorCode::kInvalidInput, "the header ends too early");
    return std::move(header_);
  }

  bool null() { return scalar("null"); }
  bool boolean(bool) { return scalar("a boolean"); }
  bool number_integer(int64_t value) { return refuse_number(std::to_string(value)); }
  bool number_float(double, const std::string& text) { return refuse_number(text); }
  bool binary(Json::binary_t&) { return stop("binary data"); }

  bool number_unsigned(uint64_t value) {
    switch (place_) {
      case Place::kShape:
        entry().shape.push_back(value);
        return true;
      case Place::kOffsets:
        if (offsets_ == 2) return stop(what() + " has more than two data_offsets");
        (offsets_ == 0 ? entry().begin : entry().end) = value;
        ++offsets_;
        return true;
      default:
        return scalar("a number");
    }
  }

  bool string(std::string& value) {
    if (place_ == Place::kMetadata) {
      header_.metadata[key_] = std::move(value);
      return true;
    }
    if (place_ == Place::kTensor && key_ == "dtype") {
      entry().dtype = std::move(value);
      return true;
    }
    return scalar("a string");
  }

  bool key(std::string& name) {
    key_ = std::move(name);
    if (place_ == Place::kRoot) {
      if (!names_.insert(key_).second) return stop("the key " + printable(key_) + " is there twice");
      return true;
    }
    if (!inner_keys_.insert(key_).second)
      return stop("the key " + printable(key_) + " of " + what() + " is there twice");
    return true;
  }

  bool start_object(std::size_t) {
    inner_keys_.clear();
    if (place_ == Place::kStart) {
      place_ = Place::kRoot;
      return true;
    }
    if (place_ != Place::kRoot)
      return stop(what() + " holds an object where none belongs (key " + printable(key_) + ")");
    place_ = key_ == "__metadata__" ? Place::kMetadata : Place::kTensor;
    if (place_ == Place::kTensor) header_.entries.push_back({.name = key_});
    offsets_ = 0;
    return true;
  }

  bool end_object() {
    if (place_ == Place::kTensor) {
      for (const char* needed : {"dtype", "shape", "data_offsets"}) {
        if (!inner_keys_.contains(needed)) return stop(what() + " has no key '" + needed + "'");
      }
    }
    place_ = place_ == Place::kRoot ? Place::kDone : Place::kRoot;
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ == Place::kTensor && key_ == "shape") {
      place_ = Place::kShape;
    } else if (place_ == Place::kTensor && key_ == "data_offsets") {
      place_ = Place::kOffsets;
    } else {
      return stop(what() + " holds an array where none belongs");
    }
    return true;
  }

  bool end_array() {
    if (place_ == Place::kOffsets && offsets_ != 2) return stop(what() + " has fewer than two data_offsets");
    place_ = Place::kTensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
    // Its text begins with "[json.exception.parse_error.101] ".
    const std::string_view text = error.what();
    const size_t bracket = text.find("] ");
    return stop("the header is not JSON (byte " + std::to_string(position + 8) + " of the file): " +
                std::string(bracket == std::string_view::npos ? text : text.substr(bracket + 2)));
  }

 private:
  enum class Place { kStart, kRoot, kMetadata, kTensor, kShape, kOffsets, kDone };

  SafetensorsEntry& entry() { return header_.entries.back(); }

  std::string what() const {
    switch (place_) {
      case Place::kTensor:
      case Place::kShape:
      case Place::kOffsets:
        return "tensor " + printable(header_.entries.back().name);
      case Place::kMetadata:
        return "__metadata__";
      default:
        return "the header";
    }
  }

  bool stop(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }

  // A value that has no place of its own: keys we do not know may hold one inside a tensor's object.
  bool scalar(std::string_view kind) {
    const bool known = key_ == "dtype" || key_ == "shape" || key_ == "data_offsets";
    if (place_ == Place::kTensor && !known) return true;
    const std::string expected = place_ == Place::kStart || place_ == Place::kRoot ? "an object"
                                 : place_ == Place::kMetadata || key_ == "dtype"   ? "a string"
                                 : place_ == Place::kTensor                        ? "an array"
                                                                                   : "a whole number";
    return stop(what() + ": expected " + expected + (key_.empty() ? "" : " for the key " + printable(key_)) +
                ", found " + std::string(kind));
  }

  bool refuse_number(const std::string& text) {
    if (place_ == Place::kShape || place_ == Place::kOffsets) {
      return stop(what() + ": its " + (place_ == Place::kShape ? "shape" : "data_offsets") + " holds " +
                  text + "; expected whole numbers from 0 to 2^64 - 1");
    }
    return scalar("the number " + text);
  }

  SafetensorsHeader header_;
  Place place_ = Place::kStart;
  std::string key_;
  int offsets_ = 0;
  std::set<std::string> names_;
  std::set<std::string> inner_keys_;
  std::string problem_;
};

}  // namespace

Result<SafetensorsHeader> parse_safetensors_header(std::string_view json) {
  HeaderEvents events;
  // `false` is in the events already.
  static_cast<void>(Json::sax_parse(json.begin(), json.end(), &events));
  return std::move(events).take();
}

}  // namespace headwise
