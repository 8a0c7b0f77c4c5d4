// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/precision.h"

#include <string>

#include "kernels/kernels.h"
#include "kernels/reduced.h"

namespace headwise {
namespace {

using kernels::LinearType;

constexpr LinearType kTypes[] = {LinearType::kFloat32, LinearType::kBfloat16, LinearType::kInt8};

// Of what passed the gate of docs/evaluation.md#precision. Asked for each layer of a pass.
LinearType fastest_passed(const kernels::KernelTable& ops) {
  return ops.bf16 != nullptr && ops.bf16->faster ? LinearType::kBfloat16 : LinearType::kFloat32;
}

LinearType named_type(Precision precision, const kernels::KernelTable& ops) {
  switch (precision) {
    case Precision::kFloat32:
      return LinearType::kFloat32;
    case Precision::kBfloat16:
      return LinearType::kBfloat16;
    case Precision::kInt8:
      return LinearType::kInt8;
    case Precision::kAuto:
      break;
  }
  return fastest_passed(ops);
}

}  // namespace

std::string_view precision_word(LinearType type) {
  switch (type) {
    case LinearType::kFloat32:
      return "fp32";
    case LinearType::kBfloat16:
      return "bf16";
    default:
      return "int8";
  }
}

Result<LinearType> linear_type(Precision wanted, const kernels::KernelTable& ops) {
  const LinearType type = named_type(wanted, ops);
  if (kernels::has_products(ops, type)) return type;
  std::string there;
  for (const LinearType other : kTypes) {
    if (!kernels::has_products(ops, other)) continue;
    there += (there.empty() ? "" : ", ") + std::string(precision_word(other));
  }
  return fail(ErrorCode::kUnsupported, "--precision " + std::string(precision_word(type)) +
                                           ": this processor has no products of it with its '" +
                                           std::string(ops.name) + "' kernels, which have " + there +
                                           "; take one of these, or auto");
}

}  // namespace headwise
