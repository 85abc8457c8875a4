// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>

#include <iostream>
#include <string>

// What several of the examples fetch.
struct Sample {
  int id;
  std::string data;
};

inline std::ostream& operator<<(std::ostream& out, const Sample& sample) {
  return out << "{'id': " << sample.id << ", 'data': '" << sample.data << "'}";
}

inline asyncio::Coro<Sample> fetch_data(int id, std::chrono::seconds delay) {
  std::cout << "Coroutine " << id << " starting\n";
  co_await asyncio::sleep(delay);
  std::cout << "Coroutine " << id << " done\n";
  co_return Sample{id, "Sample data " + std::to_string(id)};
}
