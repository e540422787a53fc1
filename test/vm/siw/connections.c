/* Connections of the peer, and the work on them. */
#define _GNU_SOURCE
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

static struct endpoint endpoints[OBJECTS_MAX];
static int endpoint_count;

struct endpoint *endpoint_of(const char *word)
{
	uint64_t at = number(word);

	return at < (uint64_t)endpoint_count && endpoints[at].id ? &endpoints[at] : NULL;
}

static struct endpoint *new_endpoint(struct rdma_cm_id *id)
{
	struct endpoint *endpoint = &endpoints[endpoint_count];

	if (endpoint_count == OBJECTS_MAX)
		return NULL;
	endpoint->channel = rdma_create_event_channel();
	if (!endpoint->channel)
		return NULL;
	fcntl(endpoint->channel->fd, F_SETFL, fcntl(endpoint->channel->fd, F_GETFL) | O_NONBLOCK);
	if (id) {
		/* Events of a new connection come on the listener's channel unless it moves. */
		if (rdma_migrate_id(id, endpoint->channel))
			return NULL;
		endpoint->id = id;
	} else if (rdma_create_id(endpoint->channel, &endpoint->id, NULL, RDMA_PS_TCP)) {
		return NULL;
	}
	endpoint_count++;
	return endpoint;
}

/* The next event, to be acknowledged by the caller; null when the time was over. */
static struct rdma_cm_event *next_event(struct endpoint *endpoint, int64_t ms)
{
	struct rdma_cm_event *event;
	int64_t end = now_ms() + ms;

	while (rdma_get_cm_event(endpoint->channel, &event)) {
		struct pollfd ready = { .fd = endpoint->channel->fd, .events = POLLIN };
		int64_t left = end - now_ms();

		if (errno != EAGAIN || left <= 0)
			return NULL;
		poll(&ready, 1, (int)left);
	}
	return event;
}

static bool expect(struct endpoint *endpoint, enum rdma_cm_event_type wanted, const char *time)
{
	struct rdma_cm_event *event = next_event(endpoint, (int64_t)number(time));
	bool right;

	if (!event)
		return refuse("no event within the time");
	right = event->event == wanted && event->status == 0;
	if (!right)
		say("error %s, status %d, where %s was due", rdma_event_str(event->event),
		    event->status, rdma_event_str(wanted));
	rdma_ack_cm_event(event);
	return right;
}

bool do_listen(char **words)
{
	struct endpoint *endpoint = new_endpoint(NULL);
	struct sockaddr_in address = { .sin_family = AF_INET };

	if (!endpoint)
		return failed("a new end point");
	address.sin_port = htons((uint16_t)number(words[1]));
	if (rdma_bind_addr(endpoint->id, (struct sockaddr *)&address))
		return failed("rdma_bind_addr");
	if (rdma_listen(endpoint->id, 16))
		return failed("rdma_listen");
	say("ok %d", endpoint_count - 1);
	return true;
}

bool do_request(struct endpoint *listener, char **words)
{
	struct rdma_cm_event *event = next_event(listener, (int64_t)number(words[2]));
	struct rdma_cm_id *id;

	if (!event) {
		say("none");
		return true;
	}
	if (event->event != RDMA_CM_EVENT_CONNECT_REQUEST) {
		say("error %s where a request was due", rdma_event_str(event->event));
		rdma_ack_cm_event(event);
		return false;
	}
	/* Before the event is acknowledged, because its data go with it. */
	say("ok %d %s %d %d", endpoint_count,
	    to_hex(event->param.conn.private_data, event->param.conn.private_data_len),
	    event->param.conn.responder_resources, event->param.conn.initiator_depth);
	id = event->id;
	rdma_ack_cm_event(event);
	return new_endpoint(id) ? true : failed("a new end point");
}

bool do_resolve(char **words)
{
	struct endpoint *endpoint = new_endpoint(NULL);
	struct sockaddr_in address = { .sin_family = AF_INET };

	if (!endpoint)
		return failed("a new end point");
	address.sin_port = htons((uint16_t)number(words[2]));
	if (inet_pton(AF_INET, words[1], &address.sin_addr) != 1)
		return refuse("not an address");
	if (rdma_resolve_addr(endpoint->id, NULL, (struct sockaddr *)&address, 10000))
		return failed("rdma_resolve_addr");
	if (!expect(endpoint, RDMA_CM_EVENT_ADDR_RESOLVED, words[3]))
		return false;
	if (rdma_resolve_route(endpoint->id, 10000))
		return failed("rdma_resolve_route");
	if (!expect(endpoint, RDMA_CM_EVENT_ROUTE_RESOLVED, words[3]))
		return false;
	say("ok %d", endpoint_count - 1);
	return true;
}

bool do_qp(struct endpoint *endpoint, char **words)
{
	struct ibv_pd *domain = domain_of(words[2]);
	int depth = (int)number(words[3]);
	struct ibv_qp_init_attr attributes = { .qp_type = IBV_QPT_RC, .sq_sig_all = 1 };

	if (!domain)
		return refuse("no such domain");
	endpoint->completions = ibv_create_comp_channel(device);
	if (!endpoint->completions)
		return failed("ibv_create_comp_channel");
	fcntl(endpoint->completions->fd, F_SETFL,
	      fcntl(endpoint->completions->fd, F_GETFL) | O_NONBLOCK);
	endpoint->cq = ibv_create_cq(device, 2 * depth, NULL, endpoint->completions, 0);
	if (!endpoint->cq)
		return failed("ibv_create_cq");
	attributes.send_cq = endpoint->cq;
	attributes.recv_cq = endpoint->cq;
	attributes.cap.max_send_wr = (uint32_t)depth;
	attributes.cap.max_recv_wr = (uint32_t)depth;
	attributes.cap.max_send_sge = 1;
	attributes.cap.max_recv_sge = 1;
	if (rdma_create_qp(endpoint->id, domain, &attributes))
		return failed("rdma_create_qp");
	say("ok");
	return true;
}

/* What both sides of a set-up say: private data, and how many reads either way. */
static bool parameters(struct rdma_conn_param *param, char **words, uint8_t *data)
{
	int length = from_hex(words[2], data, DATA_MAX - 1);

	if (length < 0)
		return refuse("private data are no digits, or too many");
	memset(param, 0, sizeof(*param));
	param->private_data = data;
	param->private_data_len = (uint8_t)length;
	param->responder_resources = (uint8_t)number(words[3]);
	param->initiator_depth = (uint8_t)number(words[4]);
	return true;
}

bool do_connect(struct endpoint *endpoint, char **words)
{
	uint8_t data[DATA_MAX];
	struct rdma_conn_param param;
	struct rdma_cm_event *event;
	bool up;

	if (!parameters(&param, words, data))
		return false;
	if (rdma_connect(endpoint->id, &param))
		return failed("rdma_connect");
	event = next_event(endpoint, (int64_t)number(words[5]));
	if (!event)
		return refuse("no event within the time");
	up = event->event == RDMA_CM_EVENT_ESTABLISHED;
	if (up)
		say("ok %s %d %d",
		    to_hex(event->param.conn.private_data, event->param.conn.private_data_len),
		    event->param.conn.responder_resources, event->param.conn.initiator_depth);
	else
		say("refused %s %d %s", rdma_event_str(event->event), event->status,
		    to_hex(event->param.conn.private_data, event->param.conn.private_data_len));
	rdma_ack_cm_event(event);
	return up;
}

bool do_accept(struct endpoint *endpoint, char **words)
{
	uint8_t data[DATA_MAX];
	struct rdma_conn_param param;

	if (!parameters(&param, words, data))
		return false;
	if (rdma_accept(endpoint->id, &param))
		return failed("rdma_accept");
	say("ok");
	return true;
}

bool do_reject(struct endpoint *endpoint, char **words)
{
	uint8_t data[DATA_MAX];
	int length = from_hex(words[2], data, DATA_MAX - 1);

	if (length < 0)
		return refuse("private data are no digits, or too many");
	if (rdma_reject(endpoint->id, data, (uint8_t)length))
		return failed("rdma_reject");
	say("ok");
	return true;
}

bool do_event(struct endpoint *endpoint, char **words)
{
	struct rdma_cm_event *event = next_event(endpoint, (int64_t)number(words[2]));

	if (!event) {
		say("none");
		return true;
	}
	say("ok %s %d", rdma_event_str(event->event), event->status);
	rdma_ack_cm_event(event);
	return true;
}

bool do_disconnect(struct endpoint *endpoint)
{
	if (rdma_disconnect(endpoint->id))
		return failed("rdma_disconnect");
	say("ok");
	return true;
}

bool do_close(struct endpoint *endpoint)
{
	if (endpoint->id->qp)
		rdma_destroy_qp(endpoint->id);
	if (endpoint->cq)
		ibv_destroy_cq(endpoint->cq);
	if (endpoint->completions)
		ibv_destroy_comp_channel(endpoint->completions);
	rdma_destroy_id(endpoint->id);
	rdma_destroy_event_channel(endpoint->channel);
	memset(endpoint, 0, sizeof(*endpoint));
	say("ok");
	return true;
}

/* ---- work ---- */

bool do_work(struct endpoint *endpoint, char **words, int count)
{
	struct ibv_sge sge;
	struct ibv_send_wr work = { .wr_id = number(words[2]), .sg_list = &sge, .num_sge = 1 }, *bad;

	if (!part_of(words + 3, &sge))
		return false;
	if (count < 8)
		return refuse("words are missing");
	if (words[0][0] == 's') {
		work.opcode = strchr(words[6], 'i') ? IBV_WR_SEND_WITH_INV : IBV_WR_SEND;
		work.send_flags = strchr(words[6], 's') ? IBV_SEND_SOLICITED : 0;
		work.invalidate_rkey = (uint32_t)number(words[7]);
		/* The library's provider for siw takes it from here. */
		work.wr.rdma.rkey = work.invalidate_rkey;
	} else {
		work.opcode = words[0][0] == 'w' ? IBV_WR_RDMA_WRITE : IBV_WR_RDMA_READ;
		work.wr.rdma.rkey = (uint32_t)number(words[6]);
		work.wr.rdma.remote_addr = number(words[7]);
	}
	errno = ibv_post_send(endpoint->id->qp, &work, &bad);
	if (errno)
		return failed("ibv_post_send");
	say("ok");
	return true;
}

bool do_recv(struct endpoint *endpoint, char **words)
{
	struct ibv_sge sge;
	struct ibv_recv_wr work = { .wr_id = number(words[2]), .sg_list = &sge, .num_sge = 1 }, *bad;

	if (!part_of(words + 3, &sge))
		return false;
	errno = ibv_post_recv(endpoint->id->qp, &work, &bad);
	if (errno)
		return failed("ibv_post_recv");
	say("ok");
	return true;
}

bool do_poll(struct endpoint *endpoint, char **words)
{
	int64_t end = now_ms() + (int64_t)number(words[2]);
	struct ibv_wc done;
	bool armed = false;

	if (!endpoint->cq)
		return refuse("no queue pair");
	while (true) {
		int count = ibv_poll_cq(endpoint->cq, 1, &done);
		struct pollfd ready = { .fd = endpoint->completions->fd, .events = POLLIN };
		struct ibv_cq *cq;
		void *context;
		int64_t left = end - now_ms();

		if (count < 0)
			return failed("ibv_poll_cq");
		if (count > 0)
			break;
		if (left <= 0) {
			say("none");
			return true;
		}
		if (!armed) {
			/* Looks once more afterwards: one may have come in between. */
			ibv_req_notify_cq(endpoint->cq, 0);
			armed = true;
			continue;
		}
		poll(&ready, 1, (int)left);
		if (!ibv_get_cq_event(endpoint->completions, &cq, &context))
			ibv_ack_cq_events(cq, 1);
		armed = false;
	}
	say("ok %" PRIu64 " %s %d %u 0x%08x", done.wr_id,
	    done.status == IBV_WC_SUCCESS ? "success" : ibv_wc_status_str(done.status),
	    done.opcode, done.byte_len,
	    done.wc_flags & IBV_WC_WITH_INV ? done.invalidated_rkey : 0);
	/* Words of a status have blanks among them; an answer's fields have not. */
	for (char *at = strchr(answer + 3, ' ') + 1, *last = strstr(at, " 0x"); at < last; at++)
		if (*at == ' ' && !(at[1] >= '0' && at[1] <= '9'))
			*at = '_';
	return true;
}

bool do_state(struct endpoint *endpoint)
{
	struct ibv_qp_attr attributes;
	struct ibv_qp_init_attr initial;

	errno = ibv_query_qp(endpoint->id->qp, &attributes, IBV_QP_STATE, &initial);
	if (errno)
		return failed("ibv_query_qp");
	say("ok %d", attributes.qp_state);
	return true;
}
