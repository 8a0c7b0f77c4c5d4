// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Re-ranks five passages with the installed library: load a model once, make a Reranker, ask it.
//   rerank_five MODEL.gguf
#include <headwise/model.h>
#include <headwise/reranker.h>

#include <iostream>
#include <vector>

namespace {

int report(const headwise::Error& error) {
  std::cerr << "rerank_five: " << error.to_string() << "\n";
  return headwise::exit_status(error.code());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return report({headwise::ErrorCode::kUsage, "usage: rerank_five MODEL.gguf"});
  const auto model = headwise::Model::load(argv[1], {});
  if (!model) return report(model.error());
  // Every option has the default of the command line.
  auto reranker = headwise::Reranker::create(*model, {});
  if (!reranker) return report(reranker.error());

  const std::vector<headwise::Passage> passages{
      {.id = "tides", .title = "", .text = "The tides follow the Moon, and to a lesser degree the Sun."},
      {.id = "bread", .title = "", .text = "Bread rises because yeast gives off carbon dioxide."},
      {.id = "emma", .title = "", .text = "Emma is a novel by Jane Austen, published in December 1815."},
      {.id = "names", .title = "", .text = "Emma has been among the most popular names for girls."},
      {.id = "chess", .title = "", .text = "A game of chess is drawn when neither side can win."}};
  const auto ranking = reranker->rank("Who wrote the novel Emma?", passages);
  if (!ranking) return report(ranking.error());
  for (const headwise::ScoredPassage& hit : ranking->passages) {
    std::cout << hit.score << "\t" << passages[static_cast<size_t>(hit.index)].id << "\n";
  }
  return 0;
}
