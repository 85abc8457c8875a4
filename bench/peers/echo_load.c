// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// Load for an echo server on 127.0.0.1, from one thread on epoll. Prints one JSON object.
//
//   echo_load PORT CONNECTIONS BYTES WARM_UP_SECONDS SECONDS SERVER_PID
//
// Each connection has exactly one message in flight: sends it, waits until all of it came back, sends it again. What
// counts is the CPU time that all threads of the server took over the measured seconds, for each message.
//
//   echo_load --idle PORT CONNECTIONS SERVER_PID
//
// The server's resident memory for each of that many connections, which have echoed one byte and are idle.

static void die(const char* what) {
  fprintf(stderr, "echo_load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static double cpu_seconds_of(int pid) {
  clockid_t clock;
  struct timespec time;
  errno = clock_getcpuclockid(pid, &clock);
  if (errno != 0 || clock_gettime(clock, &time) != 0) die("the server's CPU time");
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double own_cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static long resident_kib_of(int pid) {
  char path[64];
  char line[256];
  long kib = 0;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE* file = fopen(path, "r");
  if (file == NULL) die(path);
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
  }
  fclose(file);
  return kib;
}

static int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0 || connect(fd, (const struct sockaddr*)&address, sizeof address) != 0) die("connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static int echo_one_byte(int port) {
  const int fd = connect_to(port);
  char byte = 'x';
  if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1) die("echo of one byte");
  return fd;
}

static int measure_idle(int port, int count, int pid) {
  echo_one_byte(port);  // what the server needs for its first connection is not counted
  usleep(300000);
  const long before = resident_kib_of(pid);
  for (int i = 0; i < count; ++i) echo_one_byte(port);
  usleep(500000);
  const long after = resident_kib_of(pid);
  printf("{\"idle\": %d, \"before_kib\": %ld, \"after_kib\": %ld, \"bytes_per_connection\": %.0f}\n", count, before,
         after, (double)(after - before) * 1024.0 / count);
  return 0;
}

// Times by 64 steps to the power of two, which is an error of 1.6 % at most.
static uint64_t histogram[64 * 64];

static void note_time(uint64_t ns) {
  if (ns < 64) {
    ++histogram[ns];
    return;
  }
  const int exponent = 63 - __builtin_clzll(ns);
  ++histogram[(exponent - 5) * 64 + (int)(ns >> (exponent - 6) & 63)];
}

static double quantile_us(double part) {
  uint64_t total = 0;
  for (int i = 0; i < 64 * 64; ++i) total += histogram[i];
  uint64_t below = 0;
  for (int i = 0; i < 64 * 64; ++i) {
    below += histogram[i];
    if ((double)below < part * (double)total) continue;
    if (i < 64) return i / 1e3;
    const int exponent = i / 64 + 5;
    return (double)((1ull << exponent) + ((uint64_t)(i % 64) << (exponent - 6))) / 1e3;
  }
  return 0;
}

struct connection {
  int fd;
  size_t received;
  size_t sent;
  uint64_t started;
};

static int epoll_fd;
static char* message;
static size_t message_size;

static void watch(struct connection* connection, int operation, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = connection};
  epoll_ctl(epoll_fd, operation, connection->fd, &event);
}

static void send_more(struct connection* connection) {
  while (connection->sent < message_size) {
    const ssize_t sent = send(connection->fd, message + connection->sent, message_size - connection->sent, 0);
    if (sent > 0) {
      connection->sent += (size_t)sent;
    } else if (errno == EAGAIN) {
      watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      return;
    } else {
      die("send");
    }
  }
}

static void start(struct connection* connection, uint64_t now) {
  connection->received = 0;
  connection->sent = 0;
  connection->started = now;
  send_more(connection);
}

int main(int count, char** arguments) {
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (count == 5 && strcmp(arguments[1], "--idle") == 0) {
    return measure_idle(atoi(arguments[2]), atoi(arguments[3]), atoi(arguments[4]));
  }
  if (count != 7) {
    fprintf(stderr, "usage: echo_load PORT CONNECTIONS BYTES WARM_UP_SECONDS SECONDS SERVER_PID\n");
    return 2;
  }
  const int port = atoi(arguments[1]);
  const int connection_count = atoi(arguments[2]);
  message_size = (size_t)atol(arguments[3]);
  const double warm_up = atof(arguments[4]);
  const double seconds = atof(arguments[5]);
  const int pid = atoi(arguments[6]);
  message = malloc(message_size);
  memset(message, 'a', message_size);
  static char buffer[64 * 1024];

  struct connection* connections = calloc((size_t)connection_count, sizeof *connections);
  epoll_fd = epoll_create1(0);
  for (int i = 0; i < connection_count; ++i) {
    connections[i].fd = connect_to(port);
    fcntl(connections[i].fd, F_SETFL, O_NONBLOCK);
    watch(&connections[i], EPOLL_CTL_ADD, EPOLLIN);
  }
  usleep(100000);

  uint64_t time = now_ns();
  const uint64_t measure_from = time + (uint64_t)(warm_up * 1e9);
  uint64_t measuring_since = 0;  // 0 while warming up
  uint64_t measure_until = 0;
  uint64_t messages = 0;
  double server_before = 0;
  double own_before = 0;
  for (int i = 0; i < connection_count; ++i) start(&connections[i], now_ns());
  while (measuring_since == 0 || time < measure_until) {
    struct epoll_event events[1024];
    const int ready = epoll_wait(epoll_fd, events, 1024, 5000);
    if (ready == 0) {
      fprintf(stderr, "echo_load: nothing came for 5 seconds\n");
      return 1;
    }
    for (int i = 0; i < ready; ++i) {
      struct connection* connection = events[i].data.ptr;
      if ((events[i].events & EPOLLOUT) != 0) {
        watch(connection, EPOLL_CTL_MOD, EPOLLIN);
        send_more(connection);
      }
      if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) continue;
      const ssize_t received = recv(connection->fd, buffer, sizeof buffer, 0);
      if (received < 0 && errno == EAGAIN) continue;
      if (received <= 0) die("the server closed a connection");
      connection->received += (size_t)received;
      if (connection->received < message_size) continue;
      time = now_ns();
      if (measuring_since != 0) {
        note_time(time - connection->started);
        ++messages;
      }
      start(connection, time);
    }
    if (measuring_since == 0 && time >= measure_from) {
      measuring_since = now_ns();
      measure_until = measuring_since + (uint64_t)(seconds * 1e9);
      server_before = cpu_seconds_of(pid);
      own_before = own_cpu_seconds();
    }
  }
  const double server = cpu_seconds_of(pid) - server_before;
  const double own = own_cpu_seconds() - own_before;
  const double wall = (double)(now_ns() - measuring_since) / 1e9;
  printf(
      "{\"connections\": %d, \"bytes\": %zu, \"per_second\": %.0f, \"server_us\": %.3f, \"server_load\": %.3f, "
      "\"client_load\": %.3f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
      connection_count, message_size, (double)messages / wall, server * 1e6 / (double)messages, server / wall,
      own / wall, quantile_us(0.5), quantile_us(0.99));
  return 0;
}
