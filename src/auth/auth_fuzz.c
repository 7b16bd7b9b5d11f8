/* Fuzzes what the auth role decodes: the input is a run of questions, each two bytes of length, a verb and the text, of one channel
 * whose client an attacker has taken over. Passwords are not hashed here. */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/server_internal.h"
#include "auth/test_folder.h"
#include "base/log.h"
#include "net/call_wire.h"

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
	auth_server_let_web(server);
	return server;
}

/* Whatever is sent, an answer must be one that a client can read. */
static void check_answers(int fd)
{
	static char answer[CALL_DATAGRAM_MAX];
	struct call_datagram datagram;
	while (recv(fd, answer, 1, MSG_DONTWAIT | MSG_PEEK) > 0)
		if (call_receive(fd, answer, &datagram) != 1 || (datagram.kind != CALL_ANSWER && datagram.kind != CALL_HELLO))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int ends[2];
	static struct auth_server *server;
	if (!server)
		server = start(ends);
	struct slice rest = slice_make((const char *)data, size);
	while (rest.len >= 3) {
		size_t len = (unsigned char)rest.at[0] | (size_t)(unsigned char)rest.at[1] << 8;
		struct call_received question = {.id = 1, .verb = (unsigned char)rest.at[2], .text = slice_sub(rest, 3, len)};
		rest = slice_skip(rest, 3 + question.text.len);
		auth_server_handle(server, &server->channels[0], &question);
		check_answers(ends[0]);
	}
	while (auth_recent_count(server->channels[0].exchanges) > 0)
		auth_recent_remove_oldest(server->channels[0].exchanges);
	auth_server_drop_checks(server);
	return 0;
}
