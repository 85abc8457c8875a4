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

using namespace asyncio;
using namespace std::chrono_literals;

struct Guest {
  std::string name;
  Queue<std::string> hears{100};
};

class Room {
 public:
  void enter(Guest& guest) { guests_.insert(&guest); }
  void leave(Guest& guest) { guests_.erase(&guest); }

  void say(const std::string& text, const Guest* except = nullptr) {
    for (Guest* guest : guests_) {
      if (guest != except && !guest->hears.full()) guest->hears.put_nowait(text);
    }
  }

  // Lets everybody hear what was said, and go.
  void close() {
    for (Guest* guest : guests_) guest->hears.shutdown();
    guests_.clear();
  }

 private:
  std::set<Guest*> guests_;
};

Coro<> tell(Guest& guest, StreamWriter& writer) {
  while (auto text = co_await guest.hears.next()) {
    writer.write(*text);
    co_await writer.drain();
  }
}

Coro<> listen(Room& room, Guest& guest, StreamReader& reader) {
  while (auto line = co_await reader.next_line()) room.say(guest.name + ": " + *line, &guest);
}

Coro<> serve(Room& room, StreamReader reader, StreamWriter writer) {
  Guest guest;
  writer.write("Your name? ");
  guest.name = co_await reader.readline();
  while (!guest.name.empty() && (guest.name.back() == '\n' || guest.name.back() == '\r')) guest.name.pop_back();
  if (guest.name.empty()) co_return;

  room.enter(guest);
  room.say("* " + guest.name + " is here\n");
  try {
    // It is over when the guest hangs up, or when there is nothing more to hear.
    co_await race(listen(room, guest, reader), tell(guest, writer));
  } catch (const std::exception& error) {
    std::cout << guest.name << ": " << error.what() << std::endl;
  } catch (...) {
    room.leave(guest);  // cancelled
    throw;
  }
  room.leave(guest);
  room.say("* " + guest.name + " has left\n");
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
      room.say("* The room closes. Goodbye!\n");
      room.close();
      patience.set_deadline(loop.deadline_after(5s));
    });
  });
}

int main(int argc, char** argv) {
  return run(async_main(argument(argc, argv, "host", "127.0.0.1"), port_argument(argc, argv, "8889")));
}
