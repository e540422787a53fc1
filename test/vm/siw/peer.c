/*
 * An RDMA peer on the kernel's side: does with librdmacm and libibverbs what somebody far away tells
 * it, one command and one answer to a line. The test that drives it is written in Java.
 *
 *   siw-peer HOST PORT    connects to the one who gives the commands
 *
 * An answer is "ok" and what was asked for, "none" when the time was over, or "error" and why.
 * Objects are small numbers: protection domains, regions and end points have one table each.
 * Bytes are in hexadecimal digits, "-" for none. Times are in milliseconds.
 *
 *   pd                                      ok PD
 *   reg PD BYTES RIGHTS                     ok MR KEY ADDRESS      RIGHTS: of r, w, or "-"
 *   dereg MR                                ok
 *   fill MR OFFSET LENGTH SEED              ok
 *   sum MR OFFSET LENGTH                    ok FNV-1a, 64 bits
 *   listen PORT                             ok EP
 *   request EP TIME                         ok EP DATA IRD ORD     a connection that wants in
 *   resolve ADDRESS PORT TIME               ok EP
 *   qp EP PD DEPTH                          ok                     depth of both queues
 *   connect EP DATA IRD ORD TIME            ok DATA IRD ORD        or refused STATUS DATA
 *   accept EP DATA IRD ORD                  ok                     the event ESTABLISHED follows
 *   reject EP DATA                          ok
 *   write|read EP ID MR OFFSET LENGTH KEY ADDRESS                  ok
 *       (A read that invalidates its own sink is not to be had: libibverbs has no such request, and siw
 *       obeys it for programs of the kernel only.)
 *   send EP ID MR OFFSET LENGTH FLAGS KEY   ok                     FLAGS: s solicited, i invalidate, or "-"
 *   recv EP ID MR OFFSET LENGTH             ok
 *   poll EP TIME                            ok ID STATUS OPCODE LENGTH KEY   KEY: invalidated, or 0
 *   state EP                                ok STATE               as ibv_query_qp says
 *   event EP TIME                           ok NAME STATUS
 *   disconnect EP                           ok
 *   close EP                                ok
 *   set PARAMETER VALUE                     ok                     of the kernel's siw module
 *   start COMMAND ...                       ok PID                 of a shell
 *   finish PID TIME                         ok STATUS OUTPUT
 *   kernel                                  ok WORDS               what it said since last asked
 */
#define _GNU_SOURCE
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct ibv_context *device;
char answer[2 * TEXT_MAX + 256];

static int kernel_log = -1;

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(answer, sizeof(answer), format, arguments);
	va_end(arguments);
}

bool failed(const char *what)
{
	say("error %s: %s (%d)", what, strerror(errno), errno);
	return false;
}

bool refuse(const char *why)
{
	say("error %s", why);
	return false;
}

/* ---- words ---- */

uint64_t number(const char *word)
{
	return strtoull(word, NULL, 0);
}

int from_hex(const char *word, uint8_t *bytes, int most)
{
	int count = 0;

	if (strcmp(word, "-") == 0)
		return 0;
	for (; word[0] && word[1] && count < most; word += 2) {
		unsigned int value;

		if (sscanf(word, "%2x", &value) != 1)
			return -1;
		bytes[count++] = (uint8_t)value;
	}
	return *word ? -1 : count;
}

const char *to_hex(const uint8_t *bytes, size_t count)
{
	static char text[2 * TEXT_MAX + 1];
	size_t i;

	if (count == 0)
		return "-";
	if (count > TEXT_MAX)
		count = TEXT_MAX;
	for (i = 0; i < count; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	return text;
}

int64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* ---- the machine ---- */

static bool do_set(char **words)
{
	char path[128];
	int file;
	ssize_t written;

	snprintf(path, sizeof(path), "/sys/module/siw/parameters/%s", words[1]);
	file = open(path, O_WRONLY);
	if (file < 0)
		return failed(path);
	written = write(file, words[2], strlen(words[2]));
	close(file);
	if (written < 0)
		return failed(path);
	say("ok");
	return true;
}

static bool do_start(const char *command)
{
	pid_t child = fork();

	if (child < 0)
		return failed("fork");
	if (child == 0) {
		char path[64];
		sigset_t none;
		int out;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		snprintf(path, sizeof(path), "/tmp/said.%d", getpid());
		out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out, 1);
		dup2(out, 2);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	say("ok %d", child);
	return true;
}

static bool do_finish(char **words)
{
	pid_t child = (pid_t)number(words[1]);
	int64_t end = now_ms() + (int64_t)number(words[2]);
	static uint8_t text[TEXT_MAX];
	sigset_t ended;
	char path[64];
	int status, file;
	ssize_t length;

	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	while (waitpid(child, &status, WNOHANG) == 0) {
		int64_t left = end - now_ms();
		struct timespec wait = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };

		if (left <= 0) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			break;
		}
		sigtimedwait(&ended, NULL, &wait);
	}
	snprintf(path, sizeof(path), "/tmp/said.%d", child);
	file = open(path, O_RDONLY);
	if (file < 0)
		return failed(path);
	length = read(file, text, sizeof(text));
	close(file);
	unlink(path);
	say("ok %d %s", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
	    to_hex(text, length < 0 ? 0 : (size_t)length));
	return true;
}

static bool do_kernel(void)
{
	static uint8_t text[TEXT_MAX];
	size_t length = 0;
	char line[8192];
	ssize_t count;

	while ((count = read(kernel_log, line, sizeof(line) - 1)) > 0 || (count < 0 && errno == EPIPE)) {
		char *words;

		if (count < 0)
			continue;
		line[count] = 0;
		words = strchr(line, ';');
		if (!words || length + strlen(words) > sizeof(text))
			continue;
		memcpy(text + length, words + 1, strlen(words + 1));
		length += strlen(words + 1);
	}
	say("ok %s", to_hex(text, length));
	return true;
}

/* ---- commands ---- */

static const struct {
	const char *name;
	int words;
	bool (*run)(char **words);
	bool (*at)(struct endpoint *endpoint, char **words);
	bool (*of)(struct endpoint *endpoint);
} commands[] = {
	{ "reg", 4, do_reg, NULL, NULL },
	{ "dereg", 2, do_dereg, NULL, NULL },
	{ "fill", 5, do_fill, NULL, NULL },
	{ "sum", 4, do_sum, NULL, NULL },
	{ "listen", 2, do_listen, NULL, NULL },
	{ "resolve", 4, do_resolve, NULL, NULL },
	{ "set", 3, do_set, NULL, NULL },
	{ "finish", 3, do_finish, NULL, NULL },
	{ "request", 3, NULL, do_request, NULL },
	{ "qp", 4, NULL, do_qp, NULL },
	{ "connect", 6, NULL, do_connect, NULL },
	{ "accept", 5, NULL, do_accept, NULL },
	{ "reject", 3, NULL, do_reject, NULL },
	{ "recv", 6, NULL, do_recv, NULL },
	{ "poll", 3, NULL, do_poll, NULL },
	{ "event", 3, NULL, do_event, NULL },
	{ "state", 2, NULL, NULL, do_state },
	{ "disconnect", 2, NULL, NULL, do_disconnect },
	{ "close", 2, NULL, NULL, do_close },
};

static void obey(char *line)
{
	char *words[WORDS_MAX], *rest = line, *word;
	struct endpoint *endpoint;
	size_t i;
	int count = 0;

	if (strncmp(line, "start ", 6) == 0) {
		do_start(line + 6);
		return;
	}
	while (count < WORDS_MAX && (word = strsep(&rest, " ")))
		words[count++] = word;
	if (strcmp(words[0], "pd") == 0) {
		do_pd();
		return;
	}
	if (strcmp(words[0], "kernel") == 0) {
		do_kernel();
		return;
	}
	endpoint = count > 1 ? endpoint_of(words[1]) : NULL;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(words[0], commands[i].name) != 0)
			continue;
		if (count < commands[i].words)
			refuse("words are missing");
		else if (commands[i].run)
			commands[i].run(words);
		else if (!endpoint)
			refuse("no such end point");
		else if (commands[i].at)
			commands[i].at(endpoint, words);
		else
			commands[i].of(endpoint);
		return;
	}
	if (count >= 6 && endpoint &&
	    (!strcmp(words[0], "write") || !strcmp(words[0], "read") || !strcmp(words[0], "send")))
		do_work(endpoint, words, count);
	else
		refuse("no such command, or no such end point");
}

static int control_connection(const char *host, const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int control = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_port = htons((uint16_t)number(port));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
	    connect(control, (struct sockaddr *)&address, sizeof(address))) {
		perror("the connection to the one who gives the commands");
		return -1;
	}
	return control;
}

int main(int count, char **words)
{
	int control = count == 3 ? control_connection(words[1], words[2]) : -1;
	struct ibv_context **devices;
	sigset_t blocked;
	int device_count;
	FILE *in, *out;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	if (control < 0)
		return 2;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	in = fdopen(control, "r");
	out = fdopen(fcntl(control, F_DUPFD_CLOEXEC, 0), "w");
	kernel_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	lseek(kernel_log, 0, SEEK_END);
	devices = rdma_get_devices(&device_count);
	if (!devices || device_count < 1) {
		perror("RDMA devices");
		return 2;
	}
	device = devices[0];
	fprintf(out, "ready %s\n", ibv_get_device_name(device->device));
	fflush(out);
	while ((length = getline(&line, &room, in)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = 0;
		say("error without a word");
		obey(line);
		fprintf(out, "%s\n", answer);
		fflush(out);
	}
	return 0;
}
