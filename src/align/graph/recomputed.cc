// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/graph/recomputed.h"

#include <utility>

namespace headwise::graph {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  struct Call : torch::CustomClassHolder {
    explicit Call(Piece what) : piece(std::move(what)) {}
    Piece piece;
  };

  // `anchor` needs a gradient, so that the piece gets one even when its input needs none.
  static variable_list forward(AutogradContext* context, const Tensor& input, const Tensor& anchor,
                               const c10::intrusive_ptr<Call>& call) {
    (void)anchor;
    context->save_for_backward({input});
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    torch::NoGradGuard no_grad;
    variable_list out;
    for (Tensor& tensor : call->piece(input)) {
      if (tensor.defined()) out.push_back(std::move(tensor));
    }
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const c10::intrusive_ptr<torch::CustomClassHolder> holder = context->saved_data["call"].toCapsule();
    const auto* call = static_cast<const Call*>(holder.get());
    Tensor input = context->get_saved_variables().front().detach();
    input.requires_grad_(true);
    variable_list roots;
    variable_list root_gradients;
    {
      torch::AutoGradMode with_graph(true);
      size_t place = 0;
      for (Tensor& tensor : call->piece(input)) {
        if (!tensor.defined()) continue;
        // Heads before a join give zeros that no parameter moves.
        if (gradients[place].defined() && tensor.requires_grad()) {
          roots.push_back(tensor);
          root_gradients.push_back(gradients[place]);
        }
        ++place;
      }
    }
    if (!roots.empty()) torch::autograd::backward(roots, root_gradients);
    return {input.grad(), Tensor(), Tensor()};
  }
};

}  // namespace

std::vector<Tensor> recomputed(const Piece& piece, const Tensor& input) {
  const Tensor anchor = torch::zeros({1}).requires_grad_(true);
  return Recomputed::apply(input, anchor, c10::make_intrusive<Recomputed::Call>(piece));
}

}  // namespace headwise::graph
