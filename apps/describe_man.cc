// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// headwise(1), in man(7)'s macros.
#include <algorithm>

#include "described_program.h"
#include "headwise/error.h"

namespace headwise {
namespace {

// Text as it is: backslashes, a dot or quote at the start of a line, and minus signs that can be copied.
std::string roff(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool line_start = i == 0 || text[i - 1] == '\n';
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string flag_entry(const DescribedFlag& flag) {
  std::string text = ".TP\n";
  text += "\\fB" + roff(flag.letter.empty() ? flag.name : flag.letter + ", " + flag.name) + "\\fR";
  if (flag.takes_value) text += " \\fI" + roff(flag.value.empty() ? "VALUE" : flag.value) + "\\fR";
  text += "\n" + roff(flag.help.empty() ? "\\&" : flag.help) + "\n";
  if (!flag.words.empty()) {
    std::string words;
    for (const std::string& word : flag.words) words += (words.empty() ? "" : ", ") + word;
    text += "One of: " + roff(words) + ".\n";
  }
  if (!flag.fallback.empty()) text += "Default: " + roff(flag.fallback) + ".\n";
  return text;
}

std::string verb_section(const DescribedVerb& verb) {
  std::string text = ".SS headwise " + roff(verb.name) + "\n" + roff(verb.purpose) + ".\n";
  std::string group;
  for (const DescribedFlag& flag : verb.flags) {
    if (flag.name == "--help" || flag.name == "--quiet") continue;
    if (flag.group != group && flag.group != "Options") text += ".PP\n\\fI" + roff(flag.group) + "\\fR\n";
    group = flag.group;
    text += flag_entry(flag);
  }
  if (!verb.example.empty()) {
    text += ".PP\nExample:\n.PP\n.nf\n.RS\n" + roff(verb.example) + "\n.RE\n.fi\n";
  }
  return text;
}

constexpr const char* kManEnd = R"(.SH ENVIRONMENT
Every flag can be a variable: \fBHEADWISE_MAX_WORDS\fR for \fB\-\-max\-words\fR.
The command line wins, then the variable, then the file of \fB\-\-config\fR.
.TP
\fBHEADWISE_HOME\fR
Where models and indexes are; default ~/.cache/headwise.
.TP
\fBHEADWISE_ISA\fR
Forces an instruction set: scalar, avx2, avx512 or amx.
.TP
\fBHF_HUB_CACHE\fR, \fBHF_HOME\fR, \fBOLLAMA_MODELS\fR, \fBLLAMA_CACHE\fR, \fBXDG_CACHE_HOME\fR
Where models of other tools are looked for.
.TP
\fBNO_COLOR\fR, \fBCOLUMNS\fR
No colours; the width of tables.
.SH EXIT STATUS
0 done; 2 bad usage; 3 a bad or missing file; 4 not supported; 5 a limit; 1 anything else.
)";

}  // namespace

std::string man_page(const std::vector<DescribedVerb>& program, const std::string& version) {
  std::string text =
      ".TH HEADWISE 1 \"\" \"headwise " + version + "\" \"User Commands\"\n.SH NAME\nheadwise \\- " +
      "re\\-rank passages by reading the attention heads of a language model\n.SH SYNOPSIS\n" +
      ".B headwise\n.I VERB\n.RI [ FLAGS ]\n.SH DESCRIPTION\n" +
      "Orders passages for a question by the attention that the question pays to them; no token " +
      "is generated.\nResults go to standard output, everything else to standard error.\n";
  for (const DescribedVerb& verb : program) {
    if (verb.name.empty()) {
      text += ".SH FLAGS OF EVERY VERB\n";
      for (const DescribedFlag& flag : verb.flags) text += flag_entry(flag);
      text += ".SH VERBS\n";
    } else {
      text += verb_section(verb);
    }
  }
  return text + kManEnd;
}

}  // namespace headwise
