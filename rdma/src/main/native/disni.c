/* The native half of DiSNI 2.1: what com.ibm.disni.verbs.impl.NativeDispatcher declares. */
#include "selkie_verbs.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>

#define DISNI(name) JNICALL Java_com_ibm_disni_verbs_impl_NativeDispatcher__1##name

/* DiSNI writes work requests and completions by these layouts. */
_Static_assert(offsetof(struct ibv_send_wr, wr.rdma.remote_addr) == 40, "layout of ibv_send_wr");
_Static_assert(offsetof(struct ibv_send_wr, wr.rdma.rkey) == 48, "layout of ibv_send_wr");
_Static_assert(sizeof(struct ibv_sge) == 16, "layout of ibv_sge");
_Static_assert(sizeof(struct ibv_wc) == 48, "layout of ibv_wc");

_Thread_local struct selkie_event selkie_last_event;

/*
 * Makes System.loadLibrary("disni") find the symbols of this library, wherever it was unpacked to: the
 * JVM takes a library as linked in when the process has a function of this name (JEP 178).
 */
JNIEXPORT jint JNICALL JNI_OnLoad_disni(JavaVM *vm, void *reserved) {
  (void)vm;
  (void)reserved;
  return JNI_VERSION_1_8;
}

/* ---- connections ---- */

JNIEXPORT jlong DISNI(createEventChannel)(JNIEnv *env, jobject self) {
  (void)self;
  struct rdma_event_channel *channel = rdma_create_event_channel();
  if (channel == NULL) {
    selkie_throw(env, "rdma_create_event_channel", errno);
    return -1;
  }
  /* Whoever waits polls first; a spurious wake-up must not hang him. */
  int flags = fcntl(channel->fd, F_GETFL);
  if (flags < 0 || fcntl(channel->fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    selkie_throw(env, "fcntl(O_NONBLOCK) of an event channel", errno);
    rdma_destroy_event_channel(channel);
    return -1;
  }
  return address_of(channel);
}

JNIEXPORT jlong DISNI(createId)(JNIEnv *env, jobject self, jlong channel, jshort port_space) {
  (void)self;
  (void)port_space; /* DiSNI's numbers do not fit into its own parameter: RDMA_PS_TCP is all it has */
  struct rdma_cm_id *id = NULL;
  if (rdma_create_id(pointer(channel), &id, NULL, RDMA_PS_TCP) != 0) {
    selkie_throw(env, "rdma_create_id", errno);
    return -1;
  }
  return address_of(id);
}

/* Makes a queue pair, one that can post a FLUSH where the device knows it. */
static int create(struct rdma_cm_id *id, struct ibv_pd *domain, struct ibv_qp_init_attr *attributes) {
#ifdef SELKIE_FLUSH
  struct ibv_device_attr_ex device;
  memset(&device, 0, sizeof device);
  if (ibv_query_device_ex(id->verbs, NULL, &device) == 0 && (device.device_cap_flags_ex & DEVICE_FLUSH) == DEVICE_FLUSH) {
    struct ibv_qp_init_attr_ex extended = {
        .send_cq = attributes->send_cq,
        .recv_cq = attributes->recv_cq,
        .cap = attributes->cap,
        .qp_type = attributes->qp_type,
        .pd = domain,
        .comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
        .send_ops_flags = IBV_QP_EX_WITH_FLUSH,
    };
    if (rdma_create_qp_ex(id, &extended) == 0) {
      return 0;
    }
    /* Its library may know less than the device: better without FLUSH than no queue pair. What else is wrong shows
     * below. */
  }
#endif
  return rdma_create_qp(id, domain, attributes);
}

JNIEXPORT jlong DISNI(createQP)(JNIEnv *env, jobject self, jlong id, jlong domain, jlong send_queue,
                                jlong receive_queue, jint type, jint sends, jint receives, jint inline_octets) {
  (void)self;
  struct ibv_qp_init_attr attributes = {
      .send_cq = pointer(send_queue),
      .recv_cq = pointer(receive_queue),
      .qp_type = (enum ibv_qp_type)type,
      .cap = {.max_send_wr = (uint32_t)sends,
              .max_recv_wr = (uint32_t)receives,
              .max_send_sge = 1,
              .max_recv_sge = 1,
              .max_inline_data = (uint32_t)inline_octets},
  };
  struct rdma_cm_id *cm_id = pointer(id);
  if (create(cm_id, pointer(domain), &attributes) != 0) {
    selkie_throw(env, "rdma_create_qp", errno);
    return -1;
  }
  return address_of(cm_id->qp);
}

JNIEXPORT void DISNI(bindAddr)(JNIEnv *env, jobject self, jlong id, jlong address) {
  (void)self;
  if (rdma_bind_addr(pointer(id), pointer(address)) != 0) {
    selkie_throw(env, "rdma_bind_addr", errno);
  }
}

JNIEXPORT void DISNI(listen)(JNIEnv *env, jobject self, jlong id, jint backlog) {
  (void)self;
  if (rdma_listen(pointer(id), backlog) != 0) {
    selkie_throw(env, "rdma_listen", errno);
  }
}

JNIEXPORT void DISNI(resolveAddr)(JNIEnv *env, jobject self, jlong id, jlong source, jlong destination,
                                  jint milliseconds) {
  (void)self;
  if (rdma_resolve_addr(pointer(id), pointer(source), pointer(destination), milliseconds) != 0) {
    selkie_throw(env, "rdma_resolve_addr", errno);
  }
}

JNIEXPORT void DISNI(resolveRoute)(JNIEnv *env, jobject self, jlong id, jint milliseconds) {
  (void)self;
  if (rdma_resolve_route(pointer(id), milliseconds) != 0) {
    selkie_throw(env, "rdma_resolve_route", errno);
  }
}

static void keep(const struct rdma_cm_event *event) {
  struct selkie_event *kept = &selkie_last_event;
  memset(kept, 0, sizeof *kept);
  kept->event = (int32_t)event->event;
  kept->status = event->status;
  size_t length = event->param.conn.private_data_len;
  if (event->param.conn.private_data != NULL && length > 0) {
    memcpy(kept->private_data, event->param.conn.private_data, length);
    kept->private_data_length = (int32_t)length;
  }
  kept->responder_resources = event->param.conn.responder_resources;
  kept->initiator_depth = event->param.conn.initiator_depth;
}

JNIEXPORT jint DISNI(getCmEvent)(JNIEnv *env, jobject self, jlong channel, jlong listen_id, jlong client_id,
                                 jint milliseconds) {
  (void)env;
  (void)self;
  struct rdma_event_channel *events = pointer(channel);
  struct pollfd waited = {.fd = events->fd, .events = POLLIN};
  struct rdma_cm_event *event = NULL;
  if (poll(&waited, 1, milliseconds) <= 0 || rdma_get_cm_event(events, &event) != 0) {
    return -1;
  }
  int64_t *listening = pointer(listen_id);
  int64_t *connected = pointer(client_id);
  *listening = event->listen_id != NULL ? address_of(event->listen_id) : -1;
  *connected = event->id != NULL ? address_of(event->id) : -1;
  jint kind = (jint)event->event;
  keep(event);
  rdma_ack_cm_event(event);
  return kind;
}

static void connection(struct rdma_conn_param *parameters, jint retries, jint not_ready_retries) {
  memset(parameters, 0, sizeof *parameters);
  parameters->responder_resources = RDMA_MAX_RESP_RES;
  parameters->initiator_depth = RDMA_MAX_INIT_DEPTH;
  parameters->retry_count = (uint8_t)retries;
  parameters->rnr_retry_count = (uint8_t)not_ready_retries;
}

JNIEXPORT void DISNI(connect)(JNIEnv *env, jobject self, jlong id, jint retries, jint not_ready_retries,
                              jlong private_data, jbyte length) {
  (void)self;
  struct rdma_conn_param parameters;
  connection(&parameters, retries, not_ready_retries);
  parameters.private_data = pointer(private_data);
  parameters.private_data_len = (uint8_t)length;
  if (rdma_connect(pointer(id), &parameters) != 0) {
    selkie_throw(env, "rdma_connect", errno);
  }
}

JNIEXPORT void DISNI(accept)(JNIEnv *env, jobject self, jlong id, jint retries, jint not_ready_retries) {
  (void)self;
  struct rdma_conn_param parameters;
  connection(&parameters, retries, not_ready_retries);
  if (rdma_accept(pointer(id), &parameters) != 0) {
    selkie_throw(env, "rdma_accept", errno);
  }
}

/* An event is acknowledged when it is taken: what it says has been copied by then. */
JNIEXPORT jint DISNI(ackCmEvent)(JNIEnv *env, jobject self, jint event) {
  (void)env;
  (void)self;
  (void)event;
  return 0;
}

JNIEXPORT jint DISNI(disconnect)(JNIEnv *env, jobject self, jlong id) {
  (void)env;
  (void)self;
  return rdma_disconnect(pointer(id)) == 0 ? 0 : -errno;
}

JNIEXPORT jint DISNI(destroyEventChannel)(JNIEnv *env, jobject self, jlong channel) {
  (void)env;
  (void)self;
  rdma_destroy_event_channel(pointer(channel));
  return 0;
}

JNIEXPORT jint DISNI(destroyCmId)(JNIEnv *env, jobject self, jlong id) {
  (void)env;
  (void)self;
  return rdma_destroy_id(pointer(id)) == 0 ? 0 : -errno;
}

JNIEXPORT jint DISNI(destroyQP)(JNIEnv *env, jobject self, jlong id) {
  (void)env;
  (void)self;
  rdma_destroy_qp(pointer(id));
  return 0;
}

static jint ipv4(const struct sockaddr *from, jlong to) {
  if (from->sa_family != AF_INET) {
    return -EAFNOSUPPORT;
  }
  memcpy(pointer(to), from, sizeof(struct sockaddr_in));
  return 0;
}

JNIEXPORT jint DISNI(getSrcAddr)(JNIEnv *env, jobject self, jlong id, jlong address) {
  (void)env;
  (void)self;
  return ipv4(rdma_get_local_addr(pointer(id)), address);
}

JNIEXPORT jint DISNI(getDstAddr)(JNIEnv *env, jobject self, jlong id, jlong address) {
  (void)env;
  (void)self;
  return ipv4(rdma_get_peer_addr(pointer(id)), address);
}

JNIEXPORT jint DISNI(destroyEp)(JNIEnv *env, jobject self, jlong id) {
  (void)env;
  (void)self;
  rdma_destroy_ep(pointer(id));
  return 0;
}

/* ---- domains, queues, memory ---- */

JNIEXPORT jlong DISNI(allocPd)(JNIEnv *env, jobject self, jlong context) {
  (void)self;
  struct ibv_pd *domain = ibv_alloc_pd(pointer(context));
  if (domain == NULL) {
    selkie_throw(env, "ibv_alloc_pd", errno);
    return -1;
  }
  return address_of(domain);
}

JNIEXPORT jlong DISNI(createCompChannel)(JNIEnv *env, jobject self, jlong context) {
  (void)self;
  struct ibv_comp_channel *channel = ibv_create_comp_channel(pointer(context));
  if (channel == NULL) {
    selkie_throw(env, "ibv_create_comp_channel", errno);
    return -1;
  }
  int flags = fcntl(channel->fd, F_GETFL);
  if (flags < 0 || fcntl(channel->fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    selkie_throw(env, "fcntl(O_NONBLOCK) of a completion channel", errno);
    ibv_destroy_comp_channel(channel);
    return -1;
  }
  return address_of(channel);
}

JNIEXPORT jlong DISNI(createCQ)(JNIEnv *env, jobject self, jlong context, jlong channel, jint entries,
                                jint vector) {
  (void)self;
  struct ibv_cq *queue = ibv_create_cq(pointer(context), entries, NULL, pointer(channel), vector);
  if (queue == NULL) {
    selkie_throw(env, "ibv_create_cq", errno);
    return -1;
  }
  return address_of(queue);
}

/* DiSNI 2.1 hands no attributes over: all that this could mean is said by an error. */
JNIEXPORT jint DISNI(modifyQP)(JNIEnv *env, jobject self, jlong pair, jlong attributes) {
  (void)self;
  (void)pair;
  (void)attributes;
  selkie_throw(env, "modifyQP of DiSNI, which has no attributes", EOPNOTSUPP);
  return -1;
}

JNIEXPORT jlong DISNI(regMr)(JNIEnv *env, jobject self, jlong domain, jlong address, jint length, jint access,
                             jlong local_key, jlong remote_key, jlong handle) {
  (void)self;
  struct ibv_mr *region = ibv_reg_mr(pointer(domain), pointer(address), (uint32_t)length, access);
  if (region == NULL) {
    selkie_throw(env, "ibv_reg_mr", errno);
    return -1;
  }
  *(uint32_t *)pointer(local_key) = region->lkey;
  *(uint32_t *)pointer(remote_key) = region->rkey;
  *(uint32_t *)pointer(handle) = region->handle;
  return address_of(region);
}

JNIEXPORT void DISNI(deregMr)(JNIEnv *env, jobject self, jlong region) {
  (void)self;
  int error = ibv_dereg_mr(pointer(region));
  if (error != 0) {
    selkie_throw(env, "ibv_dereg_mr", error);
  }
}

JNIEXPORT jint DISNI(queryOdpSupport)(JNIEnv *env, jobject self, jlong context) {
  (void)env;
  (void)self;
  struct ibv_device_attr_ex attributes;
  memset(&attributes, 0, sizeof attributes);
  if (ibv_query_device_ex(pointer(context), NULL, &attributes) != 0 ||
      (attributes.odp_caps.general_caps & IBV_ODP_SUPPORT) == 0) {
    return -1;
  }
  return (jint)attributes.odp_caps.per_transport_caps.rc_odp_caps;
}

JNIEXPORT jint DISNI(expPrefetchMr)(JNIEnv *env, jobject self, jlong region, jlong address, jint length) {
  (void)self;
  struct ibv_mr *prefetched = pointer(region);
  struct ibv_sge range = {
      .addr = (uint64_t)address, .length = (uint32_t)length, .lkey = prefetched->lkey};
  int error = ibv_advise_mr(prefetched->pd, IBV_ADVISE_MR_ADVICE_PREFETCH, 0, &range, 1);
  if (error != 0) {
    selkie_throw(env, "ibv_advise_mr", error);
    return -1;
  }
  return 0;
}

JNIEXPORT jint DISNI(deallocPd)(JNIEnv *env, jobject self, jlong domain) {
  (void)env;
  (void)self;
  return -ibv_dealloc_pd(pointer(domain));
}

JNIEXPORT jint DISNI(destroyCompChannel)(JNIEnv *env, jobject self, jlong channel) {
  (void)env;
  (void)self;
  return -ibv_destroy_comp_channel(pointer(channel));
}

JNIEXPORT jint DISNI(destroyCQ)(JNIEnv *env, jobject self, jlong queue) {
  (void)env;
  (void)self;
  return -ibv_destroy_cq(pointer(queue));
}

/* ---- work requests and completions ---- */

JNIEXPORT void DISNI(postSend)(JNIEnv *env, jobject self, jlong pair, jlong requests) {
  (void)self;
  struct ibv_send_wr *refused = NULL;
  int error = ibv_post_send(pointer(pair), pointer(requests), &refused);
  if (error != 0) {
    selkie_throw(env, "ibv_post_send", post_error(error));
  }
}

JNIEXPORT void DISNI(postRecv)(JNIEnv *env, jobject self, jlong pair, jlong requests) {
  (void)self;
  struct ibv_recv_wr *refused = NULL;
  int error = ibv_post_recv(pointer(pair), pointer(requests), &refused);
  if (error != 0) {
    selkie_throw(env, "ibv_post_recv", post_error(error));
  }
}

/* Takes what is there of a channel's events and acknowledges it at once. */
JNIEXPORT jint DISNI(getCqEvent)(JNIEnv *env, jobject self, jlong channel, jint milliseconds) {
  (void)env;
  (void)self;
  struct ibv_comp_channel *events = pointer(channel);
  struct pollfd waited = {.fd = events->fd, .events = POLLIN};
  struct ibv_cq *queue = NULL;
  void *context = NULL;
  if (poll(&waited, 1, milliseconds) <= 0 || ibv_get_cq_event(events, &queue, &context) != 0) {
    return -1;
  }
  ibv_ack_cq_events(queue, 1);
  return 0;
}

JNIEXPORT jint DISNI(pollCQ)(JNIEnv *env, jobject self, jlong queue, jint count, jlong completions) {
  (void)self;
  int taken = ibv_poll_cq(pointer(queue), count, pointer(completions));
  if (taken < 0) {
    selkie_throw(env, "ibv_poll_cq", errno);
  }
  return taken;
}

JNIEXPORT jint DISNI(reqNotifyCQ)(JNIEnv *env, jobject self, jlong queue, jint solicited_only) {
  (void)self;
  int error = ibv_req_notify_cq(pointer(queue), solicited_only);
  if (error != 0) {
    selkie_throw(env, "ibv_req_notify_cq", error);
    return -1;
  }
  return 0;
}

/* Events are acknowledged when they are taken. */
JNIEXPORT jint DISNI(ackCqEvent)(JNIEnv *env, jobject self, jlong queue, jint count) {
  (void)env;
  (void)self;
  (void)queue;
  (void)count;
  return 0;
}

/* ---- what objects are ---- */

JNIEXPORT jlong DISNI(getContext)(JNIEnv *env, jobject self, jlong id) {
  (void)env;
  (void)self;
  /* A listener on the wildcard address has none: DiSNI makes null of a negative one. */
  const struct ibv_context *context = ((struct rdma_cm_id *)pointer(id))->verbs;
  return context != NULL ? address_of(context) : -1;
}

JNIEXPORT jint DISNI(getQpNum)(JNIEnv *env, jobject self, jlong pair) {
  (void)env;
  (void)self;
  return (jint)((struct ibv_qp *)pointer(pair))->qp_num;
}

JNIEXPORT jint DISNI(getContextFd)(JNIEnv *env, jobject self, jlong context) {
  (void)env;
  (void)self;
  return ((struct ibv_context *)pointer(context))->cmd_fd;
}

JNIEXPORT jint DISNI(getContextNumCompVectors)(JNIEnv *env, jobject self, jlong context) {
  (void)env;
  (void)self;
  return ((struct ibv_context *)pointer(context))->num_comp_vectors;
}

JNIEXPORT jint DISNI(getPdHandle)(JNIEnv *env, jobject self, jlong domain) {
  (void)env;
  (void)self;
  return (jint)((struct ibv_pd *)pointer(domain))->handle;
}

#define CONSTANT(name, value)                             \
  JNIEXPORT jint DISNI(name)(JNIEnv *env, jobject self) { \
    (void)env;                                            \
    (void)self;                                           \
    return (jint)(value);                                 \
  }

CONSTANT(getSockAddrInSize, sizeof(struct sockaddr_in))
CONSTANT(getIbvRecvWRSize, sizeof(struct ibv_recv_wr))
CONSTANT(getIbvSendWRSize, sizeof(struct ibv_send_wr))
CONSTANT(getIbvSgeSize, sizeof(struct ibv_sge))
CONSTANT(getIbvWCSize, sizeof(struct ibv_wc))
CONSTANT(getRemoteAddressOffset, offsetof(struct ibv_send_wr, wr.rdma.remote_addr))
CONSTANT(getRKeyOffset, offsetof(struct ibv_send_wr, wr.rdma.rkey))
CONSTANT(getVersion, DISNI_VERSION)
