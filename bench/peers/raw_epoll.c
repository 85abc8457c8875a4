// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

// The least that an echo server on epoll can do: raw_epoll PORT. One recv() and one send() for each event.

struct connection {
  int fd;
  char* unsent;  // what the socket did not take, or null
  size_t offset;
  size_t length;
};

static char buffer[64 * 1024];
static int epoll_fd;

static void watch(struct connection* connection, int operation, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = connection};
  epoll_ctl(epoll_fd, operation, connection->fd, &event);
}

static void drop(struct connection* connection) {
  close(connection->fd);
  free(connection->unsent);
  free(connection);
}

static void accept_all(int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection* connection = calloc(1, sizeof *connection);
    connection->fd = fd;
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
  }
}

static void serve(struct connection* connection) {
  const char* data = buffer;
  size_t length;
  if (connection->unsent != NULL) {
    data = connection->unsent + connection->offset;
    length = connection->length - connection->offset;
  } else {
    const ssize_t received = recv(connection->fd, buffer, sizeof buffer, 0);
    if (received < 0 && errno == EAGAIN) return;
    if (received <= 0) {
      drop(connection);
      return;
    }
    length = (size_t)received;
  }
  ssize_t sent = send(connection->fd, data, length, 0);
  if (sent < 0 && errno != EAGAIN) {
    drop(connection);
    return;
  }
  if (sent < 0) sent = 0;
  if ((size_t)sent == length) {
    if (connection->unsent == NULL) return;
    free(connection->unsent);
    connection->unsent = NULL;
    watch(connection, EPOLL_CTL_MOD, EPOLLIN);
  } else if (connection->unsent != NULL) {
    connection->offset += (size_t)sent;
  } else {
    connection->length = length - (size_t)sent;
    connection->offset = 0;
    connection->unsent = malloc(connection->length);
    memcpy(connection->unsent, data + sent, connection->length);
    watch(connection, EPOLL_CTL_MOD, EPOLLOUT);
  }
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  const int on = 1;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(arguments[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (const struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 4096) != 0) {
    perror("raw_epoll");
    return 1;
  }
  epoll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    struct epoll_event events[1024];
    const int ready = epoll_wait(epoll_fd, events, 1024, -1);
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.ptr == NULL) {
        accept_all(listener);
      } else {
        serve(events[i].data.ptr);
      }
    }
  }
}
