/*
 * Shared by the two halves of the native library: disni.c has the functions that DiSNI's Java half
 * declares, own.c those that DiSNI lacks.
 *
 * Objects go to Java as the addresses of the structures of libibverbs and librdmacm. Java keeps each
 * of them from being used after it was destroyed; nothing here can check that.
 */
#ifndef SELKIE_VERBS_H
#define SELKIE_VERBS_H

#include <errno.h>
#include <infiniband/verbs.h>
#include <jni.h>
#include <rdma/rdma_cma.h>
#include <stdint.h>
#include <string.h>

/* Version that DiSNI 2.1 asks for. */
#define DISNI_VERSION 32

/* More than any transport carries: InfiniBand 196 octets, MPA 512. */
#define PRIVATE_DATA_MAX 512

/*
 * What DiSNI's event does not tell, of the event that this thread took last. Java reads it field by
 * field at these offsets (NativeVerbs.Event).
 *
 *    0                   4                   8                  12
 *    +-------------------+-------------------+-------------------+-------------------+
 *    | event             | status            | responder         | initiator         |
 *    |                   |                   | resources         | depth             |
 *    +-------------------+-------------------+-------------------+-------------------+
 *    | length            | private data, 512 octets ...                              |
 */
struct selkie_event {
  int32_t event;
  int32_t status;
  int32_t responder_resources;
  int32_t initiator_depth;
  int32_t private_data_length;
  uint8_t private_data[PRIVATE_DATA_MAX];
};

/*
 * Bits of the capabilities of a device in the kernel's interface (include/rdma/ib_verbs.h,
 * IB_DEVICE_FLUSH_GLOBAL and IB_DEVICE_FLUSH_PERSISTENT); libibverbs has no names for them.
 */
#define DEVICE_FLUSH ((UINT64_C(1) << 38) | (UINT64_C(1) << 39))

extern _Thread_local struct selkie_event selkie_last_event;

/* Throws a VerbsException: the call that failed and why. */
void selkie_throw(JNIEnv *env, const char *call, int error);

/*
 * Why a post failed. Providers of devices answer with what it is called, that negated, or, if the
 * kernel refused (libsiw), -1 as system calls do.
 */
static inline int post_error(int answer) {
  if (answer == -1) {
    return errno;
  }
  return answer < 0 ? -answer : answer;
}

static inline void *pointer(jlong address) { return (void *)(uintptr_t)address; }

static inline jlong address_of(const void *object) { return (jlong)(uintptr_t)object; }

#endif
