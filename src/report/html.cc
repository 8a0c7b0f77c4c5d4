// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "report/html.h"

#include <cmath>
#include <cstdio>

#include "base/utf8.h"
#include "report/style.h"

namespace headwise {

std::string html_page(std::string_view title, std::string_view heading, std::string_view body) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" +
         html_text(title) + "</title><style>" + kReportStyle + "</style></head>\n<body><main><h1>" +
         html_text(heading) + "</h1>" + std::string(body) + "</main></body></html>\n";
}

std::string html_fact(std::string_view name, std::string_view value) {
  return "<div><span class=\"soft small\">" + std::string(name) + "</span><b>" + std::string(value) +
         "</b></div>";
}

std::string html_text(std::string_view text) {
  std::string escaped;
  for (char c : replace_invalid_utf8(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      case '\n':
      case '\t':
        escaped += c;
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          escaped += "\xEF\xBF\xBD";
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

}  // namespace headwise
