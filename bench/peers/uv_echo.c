// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

// Echo server on libuv: uv_echo PORT. One buffer for all connections; uv_try_write() first, uv_write() for the rest,
// which is much cheaper than always uv_write().

static char buffer[64 * 1024];

struct rest {
  uv_write_t request;
  char data[];
};

static void on_closed(uv_handle_t* handle) { free(handle); }

static void give_buffer(uv_handle_t* handle, size_t wanted, uv_buf_t* given) {
  (void)handle;
  (void)wanted;
  *given = uv_buf_init(buffer, sizeof buffer);
}

static void on_written(uv_write_t* request, int status) {
  (void)status;
  free(request);
}

static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* data) {
  if (count < 0) {
    uv_close((uv_handle_t*)stream, on_closed);
    return;
  }
  uv_buf_t out = uv_buf_init(data->base, (unsigned)count);
  int written = count == 0 ? 0 : uv_try_write(stream, &out, 1);
  if (written == count) return;
  if (written < 0) written = 0;
  const size_t left = (size_t)(count - written);
  struct rest* rest = malloc(sizeof *rest + left);
  memcpy(rest->data, data->base + written, left);
  out = uv_buf_init(rest->data, (unsigned)left);
  uv_write(&rest->request, stream, &out, 1, on_written);
}

static void on_connection(uv_stream_t* listener, int status) {
  if (status != 0) return;
  uv_tcp_t* connection = malloc(sizeof *connection);
  uv_tcp_init(listener->loop, connection);
  uv_accept(listener, (uv_stream_t*)connection);
  uv_tcp_nodelay(connection, 1);
  uv_read_start((uv_stream_t*)connection, give_buffer, on_read);
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t listener;
  struct sockaddr_in address;
  uv_tcp_init(loop, &listener);
  uv_ip4_addr("127.0.0.1", atoi(arguments[1]), &address);
  uv_tcp_bind(&listener, (const struct sockaddr*)&address, 0);
  if (uv_listen((uv_stream_t*)&listener, 4096, on_connection) != 0) return 1;
  return uv_run(loop, UV_RUN_DEFAULT);
}
