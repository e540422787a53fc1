/*
 * Puts a software iWARP device on a network interface: what "rdma link add NAME type siw netdev IF"
 * does, without that tool and the libraries that it needs.
 *
 *   siw-link NAME INTERFACE
 */
#include <linux/netlink.h>
#include <rdma/rdma_netlink.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t add(char *message, size_t at, uint16_t type, const char *text)
{
	struct nlattr attribute = { .nla_type = type };

	attribute.nla_len = (uint16_t)(NLA_HDRLEN + strlen(text) + 1);
	memcpy(message + at, &attribute, sizeof(attribute));
	memcpy(message + at + NLA_HDRLEN, text, strlen(text) + 1);
	return at + NLA_ALIGN(attribute.nla_len);
}

int main(int count, char **words)
{
	char message[512] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr header = {
		.nlmsg_type = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_NEWLINK),
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
	};
	struct nlmsgerr answer;
	size_t length = NLMSG_HDRLEN;
	ssize_t got;
	int link;

	if (count != 3 || strlen(words[1]) > 60 || strlen(words[2]) > 15)
		return 2;
	length = add(message, length, RDMA_NLDEV_ATTR_DEV_NAME, words[1]);
	length = add(message, length, RDMA_NLDEV_ATTR_LINK_TYPE, "siw");
	length = add(message, length, RDMA_NLDEV_ATTR_NDEV_NAME, words[2]);
	header.nlmsg_len = (uint32_t)length;
	memcpy(message, &header, sizeof(header));
	link = socket(AF_NETLINK, SOCK_RAW, NETLINK_RDMA);
	if (link < 0 || send(link, message, length, 0) < 0) {
		perror("rdma link");
		return 1;
	}
	got = recv(link, message, sizeof(message), 0);
	if (got < (ssize_t)(NLMSG_HDRLEN + sizeof(answer))) {
		fprintf(stderr, "rdma link: a short answer\n");
		return 1;
	}
	memcpy(&answer, message + NLMSG_HDRLEN, sizeof(answer));
	if (answer.error)
		fprintf(stderr, "rdma link: %s\n", strerror(-answer.error));
	return answer.error ? 1 : 0;
}
