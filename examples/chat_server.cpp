// SPDX-License-Identifier: MIT
// A chat: what one says, all others hear. chat_server [--host 127.0.0.1] [--port 8889]; talk to it with `nc`.
// Each guest has a queue of their own, so that a slow one does not hold up the others: where the queue is full, they
// miss what is said. Ctrl-C says goodbye to everybody, and ends it, after five seconds at most.
#include <asyncio/asyncio.h>

#include "arguments.h"

#include <csignal>
#include <iostream>
#include <set>
#include <string>
#include <utility>

using namespace asyncio;
using namespace std::chrono_literals;

struct Guest;
using Room = std::set<Guest*>;

// Is in the room as long as it lives.
struct Guest {
  Guest(std::string called, Room& entered) : name(std::move(called)), room(entered) { room.insert(this); }
  Guest(const Guest&) = delete;
  ~Guest() { room.erase(this); }

  std::string name;
  Room& room;
  Queue<std::string> hears{100};
};

void say(Room& room, const std::string& text, const Guest* except = nullptr) {
  for (Guest* guest : room) {
    if (guest != except && !guest->hears.full()) guest->hears.put_nowait(text);
  }
}

Coro<> tell(Guest& guest, StreamWriter& writer) {
  while (auto text = co_await guest.hears.next()) {
    writer.write(*text);
    co_await writer.drain();
  }
}

Coro<> listen(Guest& guest, StreamReader& reader) {
  try {
    while (auto line = co_await reader.next_line()) say(guest.room, guest.name + ": " + *line, &guest);
  } catch (const std::exception& error) {
    std::cout << guest.name << ": " << error.what() << std::endl;  // the connection is lost: the guest has gone
  }
}

Coro<> serve(Room& room, StreamReader reader, StreamWriter writer) {
  writer.write("Your name? ");
  std::string name = co_await reader.readline();
  while (!name.empty() && (name.back() == '\n' || name.back() == '\r')) name.pop_back();
  if (name.empty()) co_return;

  Guest guest(name, room);
  say(room, "* " + name + " is here\n");
  // It is over when the guest hangs up, or when there is nothing more to hear.
  co_await race(listen(guest, reader), tell(guest, writer));
  say(room, "* " + name + " has left\n", &guest);
}

Coro<> async_main(std::string host, int port) {
  Room room;
  auto server = co_await start_server(
      [&room](StreamReader reader, StreamWriter writer) { return serve(room, std::move(reader), std::move(writer)); },
      host, port);
  std::cout << "Chatting on " << to_string(server.sockets()[0].getsockname()) << std::endl;

  Event interrupted;
  EventLoop& loop = get_running_loop();
  loop.add_signal_handler(SIGINT, [&] { interrupted.set(); });

  // The block of the server ends when every guest has gone: none is left when the room goes. The scope around it bounds
  // that, and cancels who is still there.
  CancelScope patience;
  co_await with(patience, [&]() -> Coro<> {
    co_await with(server, [&]() -> Coro<> {
      co_await interrupted.wait();
      server.close();
      say(room, "* The room closes. Goodbye!\n");
      for (Guest* guest : room) guest->hears.shutdown();  // they hear what was said, and go
      room.clear();
      patience.set_deadline(loop.deadline_after(5s));
    });
  });
}

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, {{"host", "127.0.0.1"}, {"port", "8889"}});
  try {
    return run(async_main(arguments.text("host"), arguments.port()));
  } catch (const std::exception& error) {
    std::cerr << "chat_server: " << error.what() << std::endl;
    return 1;
  }
}
