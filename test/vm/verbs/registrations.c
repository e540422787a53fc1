/*
 * Registers and deregisters memory with the first RDMA device, as a program without anything around it does,
 * and prints the median time of such a pair in nanoseconds.
 *
 *   registrations OCTETS COUNT
 */
#include <infiniband/verbs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

int main(int count, char **words) {
  if (count != 3) {
    return 2;
  }
  size_t octets = strtoull(words[1], NULL, 10);
  size_t times = strtoull(words[2], NULL, 10);
  int64_t *took = calloc(times, sizeof *took);
  struct ibv_device **devices = ibv_get_device_list(NULL);
  struct ibv_context *device = devices && devices[0] ? ibv_open_device(devices[0]) : NULL;
  struct ibv_pd *domain = device ? ibv_alloc_pd(device) : NULL;
  void *memory = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!domain || !took || times == 0 || memory == MAP_FAILED) {
    return 1;
  }
  memset(memory, 1, octets);
  for (size_t i = 0; i < times; i++) {
    int64_t begin = now();
    struct ibv_mr *region = ibv_reg_mr(domain, memory, octets,
                                       IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE);
    if (!region || ibv_dereg_mr(region) != 0) {
      return 1;
    }
    took[i] = now() - begin;
  }
  qsort(took, times, sizeof *took, ascending);
  printf("%lld\n", (long long)took[times / 2]);
  return 0;
}
