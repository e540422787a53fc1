/* What the parts of the peer know of each other: see peer.c for what it is. */
#ifndef PEER_H
#define PEER_H

#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OBJECTS_MAX = 1024, WORDS_MAX = 12, DATA_MAX = 256, TEXT_MAX = 1 << 16 };

struct endpoint {
	struct rdma_event_channel *channel;
	struct rdma_cm_id *id;
	struct ibv_comp_channel *completions;
	struct ibv_cq *cq;
};

/* The device that everything is on. */
extern struct ibv_context *device;

/* ---- peer.c: one answer to each command; those that say false have said why ---- */

extern char answer[2 * TEXT_MAX + 256];
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool failed(const char *what);
bool refuse(const char *why);
uint64_t number(const char *word);
int from_hex(const char *word, uint8_t *bytes, int most);
const char *to_hex(const uint8_t *bytes, size_t count);
int64_t now_ms(void);

/* ---- memory.c ---- */

/* The part of a region that three words name: its number, offset, length. */
bool part_of(char **words, struct ibv_sge *part);
struct ibv_pd *domain_of(const char *word);
bool do_pd(void);
bool do_reg(char **words);
bool do_dereg(char **words);
bool do_fill(char **words);
bool do_sum(char **words);

/* ---- connections.c ---- */

struct endpoint *endpoint_of(const char *word);
bool do_listen(char **words);
bool do_resolve(char **words);
bool do_request(struct endpoint *listener, char **words);
bool do_qp(struct endpoint *endpoint, char **words);
bool do_connect(struct endpoint *endpoint, char **words);
bool do_accept(struct endpoint *endpoint, char **words);
bool do_reject(struct endpoint *endpoint, char **words);
bool do_event(struct endpoint *endpoint, char **words);
bool do_disconnect(struct endpoint *endpoint);
bool do_close(struct endpoint *endpoint);
bool do_work(struct endpoint *endpoint, char **words, int count);
bool do_recv(struct endpoint *endpoint, char **words);
bool do_poll(struct endpoint *endpoint, char **words);
bool do_state(struct endpoint *endpoint);

#endif
