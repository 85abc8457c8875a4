// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// The least that an echo server on io_uring can do: raw_uring PORT. Multishot accept and recv, a ring of provided
// buffers, from which the echo is sent; a buffer goes back when its send has completed. 256 buffers: a larger pool does
// not stay in the cache, and costs more with large messages.

enum { BUFFERS = 256, BUFFER_SIZE = 16 * 1024, GROUP = 1 };
enum { ACCEPT = 1, RECEIVE = 2, SEND = 3 };

static struct io_uring ring;
static struct io_uring_buf_ring* buffer_ring;
static char* buffers;

static struct io_uring_sqe* next_sqe(void) {
  struct io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  if (sqe == NULL) {
    io_uring_submit(&ring);
    sqe = io_uring_get_sqe(&ring);
  }
  return sqe;
}

static char* buffer_at(unsigned id) { return buffers + (size_t)id * BUFFER_SIZE; }

static void give_buffer(unsigned id) {
  io_uring_buf_ring_add(buffer_ring, buffer_at(id), BUFFER_SIZE, (unsigned short)id, io_uring_buf_ring_mask(BUFFERS),
                        0);
  io_uring_buf_ring_advance(buffer_ring, 1);
}

static uint64_t tag(unsigned operation, int fd, unsigned buffer) {
  return (uint64_t)operation << 56 | (uint64_t)buffer << 32 | (uint32_t)fd;
}

static void start_accept(int listener) {
  struct io_uring_sqe* sqe = next_sqe();
  io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, 0);
  io_uring_sqe_set_data64(sqe, tag(ACCEPT, listener, 0));
}

static void start_receive(int fd) {
  struct io_uring_sqe* sqe = next_sqe();
  io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = GROUP;
  io_uring_sqe_set_data64(sqe, tag(RECEIVE, fd, 0));
}

static void start_send(int fd, unsigned buffer, size_t count) {
  struct io_uring_sqe* sqe = next_sqe();
  io_uring_prep_send(sqe, fd, buffer_at(buffer), count, MSG_WAITALL);
  io_uring_sqe_set_data64(sqe, tag(SEND, fd, buffer));
}

static void complete(const struct io_uring_cqe* cqe) {
  const unsigned operation = (unsigned)(cqe->user_data >> 56);
  const int fd = (int)(uint32_t)cqe->user_data;
  const int more = (cqe->flags & IORING_CQE_F_MORE) != 0;
  if (operation == ACCEPT) {
    if (cqe->res >= 0) start_receive(cqe->res);
    if (!more) start_accept(fd);
  } else if (operation == SEND) {
    give_buffer(cqe->user_data >> 32 & 0xffff);
  } else if (cqe->res > 0) {
    start_send(fd, cqe->flags >> IORING_CQE_BUFFER_SHIFT, (size_t)cqe->res);
    if (!more) start_receive(fd);
  } else if (cqe->res == -ENOBUFS) {
    start_receive(fd);
  } else {
    close(fd);
  }
}

static void die(const char* what, int error) {
  fprintf(stderr, "raw_uring: %s: %s\n", what, strerror(error));
  exit(1);
}

static void set_up(void) {
  struct io_uring_params parameters = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE, .cq_entries = 16384};
  int result = io_uring_queue_init_params(4096, &ring, &parameters);
  if (result != 0) die("io_uring", -result);
  void* memory;
  if (posix_memalign(&memory, 4096, BUFFERS * sizeof(struct io_uring_buf)) != 0) die("memory", ENOMEM);
  buffer_ring = memory;
  io_uring_buf_ring_init(buffer_ring);
  if (posix_memalign(&memory, 4096, (size_t)BUFFERS * BUFFER_SIZE) != 0) die("memory", ENOMEM);
  buffers = memory;
  struct io_uring_buf_reg registration = {.ring_addr = (uintptr_t)buffer_ring, .ring_entries = BUFFERS, .bgid = GROUP};
  result = io_uring_register_buf_ring(&ring, &registration, 0);
  if (result != 0) die("buffers", -result);
  for (unsigned id = 0; id < BUFFERS; ++id) give_buffer(id);
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  const int on = 1;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(arguments[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (const struct sockaddr*)&address, sizeof address) != 0) die("bind", errno);
  if (listen(listener, 4096) != 0) die("listen", errno);
  set_up();
  start_accept(listener);
  for (;;) {
    io_uring_submit_and_wait(&ring, 1);
    unsigned head;
    unsigned completed = 0;
    struct io_uring_cqe* cqe;
    io_uring_for_each_cqe(&ring, head, cqe) {
      ++completed;
      complete(cqe);
    }
    io_uring_cq_advance(&ring, completed);
  }
}
