// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

// A program that runs beside this one, and what it prints to standard output.
class Program {
 public:
  // Starts it. Throws std::system_error.
  explicit Program(const std::vector<std::string>& command);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();  // ends it

  // Blocks until it has ended, and kills it where that takes longer than `patience`: to be called in a thread.
  struct Outcome {
    std::string output;
    int status = 0;  // its exit code; that of a signal is 128 + its number
    bool killed = false;
    std::chrono::nanoseconds time{};
  };
  Outcome wait(std::chrono::seconds patience);

  // Ctrl-C. Not while another thread is in wait().
  void interrupt();

 private:
  std::chrono::steady_clock::time_point started_;
  int pid_ = -1;
  int pipe_ = -1;
};

// Whether `text` is what the pattern says, in which # stands for a number and ? for a digit.
bool matches(std::string_view text, std::string_view pattern);

// The directory of this program, where the others are.
std::string program_directory();

// Raises the number of files that this process may have open (the soft limit) to the hard limit, which is as far as it
// may go by itself. Gives what it is then.
std::size_t raise_file_limit();

// What this process has in memory, in bytes.
std::size_t resident_memory();

}  // namespace demo
