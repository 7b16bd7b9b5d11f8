/* Fuzzing of what the master hears: what comes over the command line's socket, in pieces (whoever got at the socket), and
 * packets of a role that an attacker has taken over. The first byte chooses. Answers to the command line must be whole
 * lines, the last of them "ok" or "error …", and what a role says must not look like another role's words. */
#include <assert.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "main/master.h"
#include "main/measure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- The rest of the master ---- */

bool master_reload(struct master *master, struct buf *said, struct error *error)
{
	(void)said;
	return master->stopping ? error_set(error, ERROR_INVALID, "pombal.conf: line 3: no") : true;
}

void master_continue_reload(struct master *master) { (void)master; }

void master_stop(struct master *master) { master->stopping = true; }

static char folder[] = "/tmp/pombal-control-XXXXXX";

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

static void remove_folder(void) { nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

static struct master *start(void)
{
	struct error error;
	struct master *master = memory_new(sizeof *master);
	log_set_role("fuzz", LOG_LEVEL_ERROR + 1);
	if (!mkdtemp(folder) || chdir(folder) != 0 || mkdir("run", 0700) != 0)
		abort();
	atexit(remove_folder);
	master->data = folder;
	master->serving = true;
	for (int i = 0; i < ROLE_COUNT; i++)
		master->children[i].control = -1;
	master->listeners[master->listener_count++] = (struct master_listener){-1, SERVICE_SMTP, "127.0.0.1:25"};
	master_empty_channels(master);
	master->log_keeper = log_keeper_new(&error);
	if (!master->log_keeper || !master_make_channels(master, &error) || !master_open_control(master, &error))
		abort();
	return master;
}

/* ---- The command line ---- */

static void serve(struct master *master)
{
	struct pollfd fds[MASTER_CLIENTS_MAX + 1];
	size_t count = master_control_fds(master, fds);
	poll(fds, count, 0);
	master_serve_control(master, fds, count);
}

static void empty(int fd)
{
	char packet[4096];
	while (recv(fd, packet, sizeof packet, MSG_DONTWAIT) > 0)
		;
}

static void check_answer(int fd)
{
	static char bytes[256 * 1024];
	size_t len = 0;
	for (ssize_t got; len < sizeof bytes && (got = recv(fd, bytes + len, sizeof bytes - len, MSG_DONTWAIT)) > 0;)
		len += (size_t)got;
	struct slice answer = slice_make(bytes, len), line, last = SLICE("ok");
	assert(len == 0 || bytes[len - 1] == '\n');
	while (slice_cut(answer, '\n', &line, &answer))
		last = line;
	assert(slice_equal(last, SLICE("ok")) || slice_starts(last, SLICE("error ")));
}

static void fuzz_command_line(struct master *master, struct slice input, size_t piece)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "run/control"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
		abort();
	master->stopping = false;
	serve(master);
	while (input.len > 0 && send(fd, input.at, input.len < piece ? input.len : piece, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
		input = slice_skip(input, piece);
		serve(master);
	}
	shutdown(fd, SHUT_WR);
	serve(master);
	check_answer(fd);
	close(fd);
	serve(master);
	for (size_t i = 0; i < CHANNEL_COUNT; i++)
		empty(master->channels[i].ends[1]);
	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (role_rows[i].hears)
			empty(master->bus_ends[i].ends[1]);
}

/* ---- A role ---- */

static bool is_of_a_role(struct slice line)
{
	struct slice name, rest;
	slice_cut(line, ' ', &name, &rest);
	for (int i = 0; i < ROLE_COUNT; i++)
		if (slice_equal(name, slice_of(role_names[i])))
			return true;
	return false;
}

static void check_metrics(struct master *master)
{
	struct buf said = BUF(256 * 1024);
	struct slice line, rest;
	master_say_metrics(master, &said);
	rest = buf_slice(&said);
	bool own = false; /* whose lines may be anything begin with its name */
	while (slice_cut(rest, '\n', &line, &rest)) {
		own |= slice_starts(line, SLICE("smtp "));
		assert(!own || is_of_a_role(line));
	}
	buf_free(&said);
}

static void fuzz_role(struct master *master, struct slice input)
{
	struct master_child *child = &master->children[ROLE_SMTP];
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
		abort();
	*child = (struct master_child){.pid = 1, .control = ends[0], .ready = true, .asked = true, .answer = BUF(CONTROL_ANSWER_MAX)};
	while (input.len >= 2) {
		size_t len = (unsigned char)input.at[0] | (size_t)(unsigned char)input.at[1] << 8;
		struct slice packet = slice_sub(input, 2, len);
		input = slice_skip(input, 2 + packet.len);
		if (packet.len == 0 || send(ends[1], packet.at, packet.len, MSG_DONTWAIT) < 0)
			continue;
		if (child->control >= 0)
			master_hear_child(master, ROLE_SMTP);
	}
	check_metrics(master);
	if (child->control >= 0)
		close(child->control);
	child->control = -1;
	close(ends[1]);
	buf_free(&child->answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct master *master;
	if (!master)
		master = start();
	if (size < 1)
		return 0;
	struct slice input = slice_make((const char *)data + 1, size - 1);
	if (data[0] == 0)
		fuzz_role(master, input);
	else
		fuzz_command_line(master, input, data[0]);
	return 0;
}
