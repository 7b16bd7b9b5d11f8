/* Fuzzes what the auth role decodes: the input is a run of datagrams, each two bytes of length and the bytes, of one channel
 * whose client an attacker has taken over. Passwords are not hashed here. */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/server_internal.h"
#include "auth/test_folder.h"
#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct test_folder folder;

static void remove_folder(void)
{
	test_folder_remove(&folder);
}

static struct auth_server *start(int ends[2])
{
	struct error error;
	log_set_role("fuzz", LOG_LEVEL_ERROR + 1);
	test_folder_make(&folder);
	atexit(remove_folder);
	struct auth_server *server = auth_server_new(folder.path, &error);
	if (!server || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) != 0)
		abort();
	struct directory *directory = directory_open(folder.path, &error);
	struct slice target = SLICE("alice@example.test");
	directory_add_domain(directory, &(struct auth_domain_entry){.name = SLICE("example.test")}, &error);
	directory_add_account(directory, &(struct auth_account_entry){.name = target, .enabled = true}, &error);
	directory_set_password(directory, target, SLICE("secret"), &error);
	directory_add_alias(directory, &(struct auth_alias_entry){SLICE("team@example.test"), &target, 1}, &error);
	directory_close(&directory);
	auth_server_add_channel(server, ends[1]);
	return server;
}

/* Whatever is sent, an answer must be one that a client can read. */
static void check_answers(int fd)
{
	static char answer[WIRE_DATAGRAM_MAX];
	struct auth_wire_header header;
	struct wire_reader reader;
	ssize_t len;
	while ((len = recv(fd, answer, sizeof answer, MSG_DONTWAIT)) > 0)
		if (!auth_wire_open(slice_make(answer, (size_t)len), &header, &reader) || header.kind > WIRE_PART)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int ends[2];
	static struct auth_server *server;
	if (!server)
		server = start(ends);
	struct slice rest = slice_make((const char *)data, size);
	while (rest.len >= 2) {
		size_t len = (unsigned char)rest.at[0] | (size_t)(unsigned char)rest.at[1] << 8;
		struct slice datagram = slice_sub(rest, 2, len);
		rest = slice_skip(rest, 2 + datagram.len);
		auth_server_handle(server, &server->channels[0], datagram);
		check_answers(ends[0]);
	}
	while (auth_recent_count(server->channels[0].exchanges) > 0)
		auth_recent_remove_oldest(server->channels[0].exchanges);
	auth_server_drop_checks(server);
	return 0;
}
