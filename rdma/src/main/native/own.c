/* What DiSNI lacks: the functions of io.selkie.rdma.verbs.NativeVerbs. */
#define _GNU_SOURCE
#include "selkie_verbs.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OWN(name) JNICALL Java_io_selkie_rdma_verbs_NativeVerbs_##name

/* The strerror_r of glibc gives the words; that of POSIX a number, and the words in the buffer. */
static const char *words_of(int error, char *buffer, size_t size) {
#ifdef __GLIBC__
  return strerror_r(error, buffer, size);
#else
  return strerror_r(error, buffer, size) == 0 ? buffer : "unknown error";
#endif
}

void selkie_throw(JNIEnv *env, const char *call, int error) {
  if ((*env)->ExceptionCheck(env)) {
    return;
  }
  jclass type = (*env)->FindClass(env, "io/selkie/rdma/verbs/VerbsException");
  jmethodID make = type == NULL ? NULL : (*env)->GetMethodID(env, type, "<init>", "(Ljava/lang/String;ILjava/lang/String;)V");
  if (make == NULL) {
    return; /* the lookup has thrown */
  }
  char words[128];
  jstring name = (*env)->NewStringUTF(env, call);
  jstring why = name == NULL ? NULL : (*env)->NewStringUTF(env, words_of(error, words, sizeof words));
  jobject exception = why == NULL ? NULL : (*env)->NewObject(env, type, make, name, (jint)error, why);
  if (exception != NULL) {
    (*env)->Throw(env, exception);
  }
}

/*
 * DiSNI loads its library by name, and the path where names are looked up is fixed when the JVM starts.
 * So this library, loaded by its path, offers its symbols to the whole process; see JNI_OnLoad_disni.
 */
JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved) {
  (void)reserved;
  static const int anchor = 0;
  Dl_info self;
  if (dladdr(&anchor, &self) == 0 || dlopen(self.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) == NULL) {
    JNIEnv *env = NULL;
    if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) == JNI_OK) {
      jclass error = (*env)->FindClass(env, "java/lang/UnsatisfiedLinkError");
      if (error != NULL) {
        (*env)->ThrowNew(env, error, "the library's symbols cannot be offered to DiSNI");
      }
    }
    return JNI_ERR;
  }
  return JNI_VERSION_1_8;
}

/* ---- waiting ---- */

JNIEXPORT jint OWN(eventChannelFd)(JNIEnv *env, jclass type, jlong channel) {
  (void)env;
  (void)type;
  return ((struct rdma_event_channel *)pointer(channel))->fd;
}

JNIEXPORT jint OWN(completionChannelFd)(JNIEnv *env, jclass type, jlong channel) {
  (void)env;
  (void)type;
  return ((struct ibv_comp_channel *)pointer(channel))->fd;
}

/* descriptors: an array of struct pollfd. The number of those that are ready. */
JNIEXPORT jint OWN(waitReadable)(JNIEnv *env, jclass type, jlong descriptors, jint count, jlong nanos) {
  (void)type;
  struct timespec time = {.tv_sec = nanos / 1000000000, .tv_nsec = nanos % 1000000000};
  int ready = ppoll(pointer(descriptors), (nfds_t)count, nanos < 0 ? NULL : &time, NULL);
  if (ready < 0 && errno != EINTR) {
    selkie_throw(env, "ppoll", errno);
  }
  return ready < 0 ? 0 : ready;
}

JNIEXPORT jint OWN(newWaker)(JNIEnv *env, jclass type) {
  (void)type;
  int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) {
    selkie_throw(env, "eventfd", errno);
  }
  return descriptor;
}

JNIEXPORT void OWN(wake)(JNIEnv *env, jclass type, jint waker) {
  (void)type;
  /* EAGAIN: it is awake already. */
  if (eventfd_write(waker, 1) != 0 && errno != EAGAIN) {
    selkie_throw(env, "eventfd_write", errno);
  }
}

JNIEXPORT void OWN(calm)(JNIEnv *env, jclass type, jint waker) {
  (void)type;
  eventfd_t count;
  if (eventfd_read(waker, &count) != 0 && errno != EAGAIN) {
    selkie_throw(env, "eventfd_read", errno);
  }
}

JNIEXPORT void OWN(closeWaker)(JNIEnv *env, jclass type, jint waker) {
  (void)env;
  (void)type;
  close(waker);
}

/* The completion queue that an event is there for, acknowledged; 0 when there is none. */
JNIEXPORT jlong OWN(nextCompletionEvent)(JNIEnv *env, jclass type, jlong channel) {
  (void)type;
  struct ibv_cq *queue = NULL;
  void *context = NULL;
  if (ibv_get_cq_event(pointer(channel), &queue, &context) != 0) {
    if (errno != EAGAIN) {
      selkie_throw(env, "ibv_get_cq_event", errno);
    }
    return 0;
  }
  ibv_ack_cq_events(queue, 1);
  return address_of(queue);
}

/* ---- connections ---- */

JNIEXPORT void OWN(lastEvent)(JNIEnv *env, jclass type, jlong to) {
  (void)env;
  (void)type;
  memcpy(pointer(to), &selkie_last_event, sizeof selkie_last_event);
}

static struct rdma_conn_param parameters(jint initiator_depth, jint responder_resources, jlong data, jint length) {
  struct rdma_conn_param made = {
      .private_data = length > 0 ? pointer(data) : NULL,
      .private_data_len = (uint8_t)length,
      .responder_resources = (uint8_t)responder_resources,
      .initiator_depth = (uint8_t)initiator_depth,
      .retry_count = 7,
      .rnr_retry_count = 7, /* for ever: a peer that is slow to take its messages is no broken one */
  };
  return made;
}

JNIEXPORT void OWN(connect)(JNIEnv *env, jclass type, jlong id, jint initiator_depth, jint responder_resources,
                            jlong data, jint length) {
  (void)type;
  struct rdma_conn_param wanted = parameters(initiator_depth, responder_resources, data, length);
  if (rdma_connect(pointer(id), &wanted) != 0) {
    selkie_throw(env, "rdma_connect", errno);
  }
}

JNIEXPORT void OWN(accept)(JNIEnv *env, jclass type, jlong id, jint initiator_depth, jint responder_resources,
                           jlong data, jint length) {
  (void)type;
  struct rdma_conn_param wanted = parameters(initiator_depth, responder_resources, data, length);
  if (rdma_accept(pointer(id), &wanted) != 0) {
    selkie_throw(env, "rdma_accept", errno);
  }
}

JNIEXPORT void OWN(reject)(JNIEnv *env, jclass type, jlong id, jlong data, jint length) {
  (void)type;
  if (rdma_reject(pointer(id), length > 0 ? pointer(data) : NULL, (uint8_t)length) != 0) {
    selkie_throw(env, "rdma_reject", errno);
  }
}

/* ---- queue pairs ---- */

JNIEXPORT void OWN(toError)(JNIEnv *env, jclass type, jlong pair) {
  (void)type;
  struct ibv_qp_attr wanted;
  memset(&wanted, 0, sizeof wanted);
  wanted.qp_state = IBV_QPS_ERR;
  int error = ibv_modify_qp(pointer(pair), &wanted, IBV_QP_STATE);
  if (error != 0) {
    selkie_throw(env, "ibv_modify_qp(IBV_QPS_ERR)", error);
  }
}

JNIEXPORT jint OWN(stateOf)(JNIEnv *env, jclass type, jlong pair) {
  (void)type;
  struct ibv_qp_attr attributes;
  struct ibv_qp_init_attr made;
  int error = ibv_query_qp(pointer(pair), &attributes, IBV_QP_STATE, &made);
  if (error != 0) {
    selkie_throw(env, "ibv_query_qp", error);
    return -1;
  }
  return (jint)attributes.qp_state;
}

/*
 * A Send that takes a key back. 1: as iWARP has it, the device at the other end invalidates the key.
 * 0: with the key as immediate data; the provider at the other end does it.
 */
JNIEXPORT void OWN(postSendWithKey)(JNIEnv *env, jclass type, jlong pair, jlong work, jlong address, jint length,
                                    jint local_key, jint key, jboolean by_device) {
  (void)type;
  struct ibv_sge part = {.addr = (uint64_t)address, .length = (uint32_t)length, .lkey = (uint32_t)local_key};
  struct ibv_send_wr request;
  memset(&request, 0, sizeof request);
  request.wr_id = (uint64_t)work;
  request.sg_list = &part;
  request.num_sge = length > 0 ? 1 : 0;
  request.send_flags = IBV_SEND_SIGNALED;
  if (by_device) {
    request.opcode = IBV_WR_SEND_WITH_INV;
    request.invalidate_rkey = (uint32_t)key;
    /* Where libsiw looks for it. */
    request.wr.rdma.rkey = (uint32_t)key;
  } else {
    request.opcode = IBV_WR_SEND_WITH_IMM;
    request.imm_data = htonl((uint32_t)key);
  }
  struct ibv_send_wr *refused = NULL;
  int error = ibv_post_send(pointer(pair), &request, &refused);
  if (error != 0) {
    selkie_throw(env, "ibv_post_send", post_error(error));
  }
}

/* Whether it was made with FLUSH: see create() in disni.c. */
JNIEXPORT jboolean OWN(canFlush)(JNIEnv *env, jclass type, jlong pair) {
  (void)env;
  (void)type;
#ifdef SELKIE_FLUSH
  struct ibv_qp_ex *extended = ibv_qp_to_qp_ex(pointer(pair));
  return extended != NULL && extended->wr_flush != NULL;
#else
  (void)pair;
  return JNI_FALSE;
#endif
}

/*
 * What was written before by this queue pair to that range at the peer becomes durable, or visible to all
 * there; then the request is over.
 */
JNIEXPORT void OWN(postFlush)(JNIEnv *env, jclass type, jlong pair, jlong work, jint key, jlong address, jlong length,
                              jboolean persistent) {
  (void)type;
#ifdef SELKIE_FLUSH
  struct ibv_qp_ex *extended = ibv_qp_to_qp_ex(pointer(pair));
  if (extended == NULL) {
    selkie_throw(env, "ibv_wr_flush", EOPNOTSUPP);
    return;
  }
  ibv_wr_start(extended);
  extended->wr_id = (uint64_t)work;
  extended->wr_flags = IBV_SEND_SIGNALED;
  ibv_wr_flush(extended, (uint32_t)key, (uint64_t)address, (size_t)length,
               persistent ? IBV_FLUSH_PERSISTENT : IBV_FLUSH_GLOBAL, IBV_FLUSH_RANGE);
  int error = ibv_wr_complete(extended);
  if (error != 0) {
    selkie_throw(env, "ibv_wr_flush", error);
  }
#else
  (void)pair;
  (void)work;
  (void)key;
  (void)address;
  (void)length;
  (void)persistent;
  selkie_throw(env, "ibv_wr_flush", EOPNOTSUPP);
#endif
}

/* ---- memory ---- */

/* DiSNI's own registration takes an int for the length. */
JNIEXPORT jlong OWN(registerMemory)(JNIEnv *env, jclass type, jlong domain, jlong address, jlong length, jint access) {
  (void)type;
  struct ibv_mr *region = ibv_reg_mr(pointer(domain), pointer(address), (size_t)length, (unsigned int)access);
  if (region == NULL) {
    selkie_throw(env, "ibv_reg_mr", errno);
    return 0;
  }
  return address_of(region);
}

JNIEXPORT jint OWN(localKey)(JNIEnv *env, jclass type, jlong region) {
  (void)env;
  (void)type;
  return (jint)((struct ibv_mr *)pointer(region))->lkey;
}

JNIEXPORT jint OWN(remoteKey)(JNIEnv *env, jclass type, jlong region) {
  (void)env;
  (void)type;
  return (jint)((struct ibv_mr *)pointer(region))->rkey;
}

JNIEXPORT void OWN(deregister)(JNIEnv *env, jclass type, jlong region) {
  (void)type;
  int error = ibv_dereg_mr(pointer(region));
  if (error != 0) {
    selkie_throw(env, "ibv_dereg_mr", error);
  }
}

/* Whether awaitReceivers can be had: not where processors run without a tick (nohz_full). */
JNIEXPORT jboolean OWN(canAwaitReceivers)(JNIEnv *env, jclass type) {
  (void)env;
  (void)type;
  long known = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  return known > 0 && (known & MEMBARRIER_CMD_GLOBAL) != 0;
}

/*
 * Waits until each piece of the kernel that cannot be interrupted and had begun before this call is over:
 * this membarrier is a grace period of RCU. Software iWARP takes what comes from its socket in such pieces
 * (siw_qp_llp_data_ready, with sk_callback_lock held for reading).
 */
JNIEXPORT void OWN(awaitReceivers)(JNIEnv *env, jclass type) {
  (void)type;
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) {
    selkie_throw(env, "membarrier(MEMBARRIER_CMD_GLOBAL)", errno);
  }
}

/* ---- devices ---- */

JNIEXPORT jstring OWN(deviceName)(JNIEnv *env, jclass type, jlong context) {
  (void)type;
  return (*env)->NewStringUTF(env, ibv_get_device_name(((struct ibv_context *)pointer(context))->device));
}

/*
 * Fills thirteen 64-bit numbers, in the order of NativeVerbs.Device: transport, region octets, queue pairs,
 * work requests, completions, reads as responder, reads as initiator, memory windows, octets of a message
 * at port 1, on-demand paging on connected queue pairs (enum ibv_odp_transport_cap_bits), page sizes,
 * vendor, whether RDMA FLUSH is to be had.
 */
JNIEXPORT void OWN(queryDevice)(JNIEnv *env, jclass type, jlong context, jlong to) {
  (void)type;
  struct ibv_context *device = pointer(context);
  struct ibv_device_attr_ex extended;
  struct ibv_port_attr port;
  memset(&extended, 0, sizeof extended);
  int error = ibv_query_device_ex(device, NULL, &extended);
  if (error == 0) {
    error = ibv_query_port(device, 1, &port);
  }
  if (error != 0) {
    selkie_throw(env, "ibv_query_device_ex", error);
    return;
  }
  const struct ibv_device_attr *plain = &extended.orig_attr;
  int on_demand = (extended.odp_caps.general_caps & IBV_ODP_SUPPORT) != 0;
  int64_t *numbers = pointer(to);
  numbers[0] = device->device->transport_type;
  numbers[1] = (int64_t)plain->max_mr_size;
  numbers[2] = plain->max_qp;
  numbers[3] = plain->max_qp_wr;
  numbers[4] = plain->max_cqe;
  numbers[5] = plain->max_qp_rd_atom;
  numbers[6] = plain->max_qp_init_rd_atom;
  numbers[7] = plain->max_mw;
  numbers[8] = port.max_msg_sz;
  numbers[9] = on_demand ? extended.odp_caps.per_transport_caps.rc_odp_caps : 0;
  numbers[10] = (int64_t)plain->page_size_cap;
  numbers[11] = plain->vendor_id;
#ifdef SELKIE_FLUSH
  numbers[12] = (extended.device_cap_flags_ex & DEVICE_FLUSH) == DEVICE_FLUSH;
#else
  numbers[12] = 0;
#endif
}
