// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <system_error>
#include <utility>

// The command line of an example, `--name value` in any order:
//
//   const Arguments arguments(argc, argv, {{"host", "127.0.0.1"}, {"port", "8888"}});  // what there is, and its
//   defaults
//   connect(arguments.text("host"), arguments.port());
//
// What makes no sense is said in one line, with the usage below it, and ends the program with exit code 2.
class Arguments {
 public:
  using Defaults = std::map<std::string, std::string>;

  Arguments(int argc, char** argv, Defaults defaults) : program_(argv[0]), values_(std::move(defaults)) {
    program_.erase(0, program_.rfind('/') + 1);
    for (const auto& [name, value] : values_) usage_ += " [--" + name + " " + value + "]";
    for (int i = 1; i < argc; i += 2) {
      const std::string word = argv[i];
      const auto value = values_.find(word.starts_with("--") ? word.substr(2) : "");
      if (value == values_.end()) refuse("what is " + word + "?");
      if (i + 1 == argc) refuse(word + " needs a value");
      value->second = argv[i + 1];
    }
  }

  const std::string& text(const std::string& name) const { return values_.at(name); }

  int number(const std::string& name, int least, int most) const {
    const std::string& value = text(name);
    const char* end = value.data() + value.size();
    int number = 0;
    const auto [stopped, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc() || stopped != end || number < least || number > most) {
      refuse("--" + name + " is a number from " + std::to_string(least) + " to " + std::to_string(most) + ", not '" +
             value + "'");
    }
    return number;
  }
  int port() const { return number("port", 0, 65535); }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    std::cerr << program_ << ": " << why << "\nusage: " << program_ << usage_ << std::endl;
    std::exit(2);
  }

  std::string program_;
  std::string usage_;
  Defaults values_;
};
