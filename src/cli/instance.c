/* Entering the data directory, and talking to the server that serves it; see instance.h. */
#include "cli/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/reserve.h"
#include "base/event.h"
#include "main/privileges.h"
#include "message/address.h"

enum { ASK_TIMEOUT_SECONDS = 20, LOCK_STEP_MS = 20 };

/* Makes line->data absolute; *owner is whose it is, who must be us unless we are root. */
static bool locate(struct command_line *line, struct identity *owner)
{
	char path[PATH_MAX], reason[128];
	struct error error;
	if (!realpath(line->data, path)) {
		command_fail(line, "no data directory %s: %s", line->data, strerror_r(errno, reason, sizeof reason));
		return false;
	}
	line->data = arena_text(line->arena, slice_of(path));
	if (!identity_of(path, owner, &error)) {
		command_fail_with(line, &error);
		return false;
	}
	if (geteuid() != owner->user && access(path, R_OK | W_OK | X_OK) != 0) {
		const struct passwd *user = getpwuid(owner->user);
		command_fail(line, "%s belongs to user %s: do this as that user, or as root", path, user ? user->pw_name : "unknown");
		return false;
	}
	return true;
}

static bool holds_instance(const struct command_line *line)
{
	char path[PATH_MAX + sizeof "/pombal.conf"];
	struct stat status;
	snprintf(path, sizeof path, "%s/pombal.conf", line->data);
	if (stat(path, &status) == 0 || errno != ENOENT) /* what else may be wrong with it, who opens it says */
		return true;
	command_fail(line, "%s holds no instance: `pombal setup` makes one in a browser, `pombal init` at the command line", line->data);
	return false;
}

bool instance_find(struct command_line *line)
{
	struct identity owner;
	return locate(line, &owner) && holds_instance(line);
}

static bool become_owner(struct command_line *line, bool (*become)(const struct identity *owner, struct error *error))
{
	struct identity owner;
	struct error error;
	if (!locate(line, &owner))
		return false;
	if (line->caller) /* the process is the owner's, and confined */
		return true;
	if (!become(&owner, &error)) {
		command_fail_with(line, &error);
		return false;
	}
	privileges_harden();
	return true;
}

bool instance_become_owner(struct command_line *line) { return become_owner(line, privileges_become); }

/* ---- Room ---- */

enum { ROOM_NEEDED = 1024 * 1024 /* for the logs of the databases and their indexes */ };

static bool has_room(const struct command_line *line)
{
	struct statvfs disk;
	return statvfs(line->data, &disk) != 0 || (uint64_t)disk.f_bavail * disk.f_frsize >= ROOM_NEEDED;
}

static void make_room(const struct command_line *line)
{
	static const char *const folders[] = {"directory", "queue", "accounts"};
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (snprintf(path, sizeof path, "%s/%s", line->data, folders[i]) < PATH_MAX)
			while (!has_room(line) && reserve_give(path))
				;
}

static bool enter(struct command_line *line, bool (*become)(const struct identity *owner, struct error *error))
{
	struct error error;
	if (!become_owner(line, become) || !holds_instance(line))
		return false;
	struct config *config = config_load(line->data, &error);
	if (!config) {
		command_fail_with(line, &error);
		return false;
	}
	config_set_current(config);
	if (line->command->flags & COMMAND_REMOVES)
		make_room(line);
	return true;
}

bool instance_enter(struct command_line *line) { return enter(line, privileges_become); }
bool instance_enter_reading(struct command_line *line) { return enter(line, privileges_become_reader); }

/* ---- What is kept ---- */

struct directory *instance_directory(const struct command_line *line)
{
	struct error error;
	struct directory *directory = directory_open(line->data, &error);
	if (!directory)
		command_fail_with(line, &error);
	return directory;
}

/* After a power cut accounts must be set right before they are used, also when no server has been started since. While one runs,
 * or is about to, that has been done. */
static bool mend_service(const struct command_line *line, struct error *error)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/run/lock", line->data) >= PATH_MAX)
		return error_set(error, ERROR_INVALID, "path too long: %s", line->data);
	int lock = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (lock < 0)
		return errno == ENOENT || errno == EROFS || error_set_errno(error, errno, "opening %s", path);
	bool done = flock(lock, LOCK_EX | LOCK_NB) != 0 || store_mend_service(line->data, error);
	close(lock);
	return done;
}

struct store *instance_open_store(const struct command_line *line, const struct store_options *options, struct error *error)
{
	return mend_service(line, error) ? store_open(options, error) : NULL;
}

static struct store *open_a_store(const struct command_line *line, bool looking)
{
	struct error error;
	struct store_options options = {
		.data = line->data,
		.storage = config_current()->storage,
		.looking = looking,
		.max_message = (uint64_t)config_current()->max_message,
		.undelete_seconds = config_current()->undelete_for,
		.snooze_at = config_snooze_at(config_current()),
	};
	struct store *store = looking ? store_open(&options, &error) : instance_open_store(line, &options, &error);
	if (!store)
		command_fail_with(line, &error);
	return store;
}

struct store *instance_store(const struct command_line *line) { return open_a_store(line, false); }
struct store *instance_store_to_look(const struct command_line *line) { return open_a_store(line, true); }

struct queue *instance_queue(const struct command_line *line)
{
	struct error error;
	struct queue *queue = queue_open(line->data, QUEUE_PERSON, &error);
	if (!queue)
		command_fail_with(line, &error);
	return queue;
}

/* ---- What was done ---- */

static struct slice user_name(uid_t user, struct arena *arena)
{
	const struct passwd *entry = getpwuid(user);
	return entry ? arena_copy(arena, slice_of(entry->pw_name)) : arena_printf(arena, "%u", (unsigned)user);
}

/* Who signed in to the machine, when that was another (through sudo or su); the kernel keeps it (audit). */
static bool login_of(const struct command_line *line, uid_t *login)
{
	struct buf text = BUF(32);
	struct error error;
	uint64_t number = UINT32_MAX;
	bool known = file_read("/proc/self/loginuid", &text, &error) && slice_to_number(slice_trim(buf_slice(&text)), UINT32_MAX, &number) &&
		     number != UINT32_MAX && number != line->user;
	buf_free(&text);
	*login = (uid_t)number;
	return known;
}

static void open_event_file(const struct command_line *line)
{
	char path[PATH_MAX];
	struct error error;
	if (snprintf(path, sizeof path, "%s/log/events.log", line->data) >= PATH_MAX)
		return;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		error_set_errno(&error, errno, "%s", path);
		command_fail(line, "done, but it can't be written down: %s", error.text);
	}
	log_set_role("command", LOG_LEVEL_WARNING);
	log_set_file(fd);
}

enum { NOTE_FIELDS_MAX = 16 };

void instance_write_note(const struct command_line *line, const char *event, const struct log_field *fields)
{
	struct log_field all[NOTE_FIELDS_MAX + 5] = {0};
	size_t count = 0;
	uid_t login;
	while (fields[count].name && count < NOTE_FIELDS_MAX) {
		all[count] = fields[count];
		count++;
	}
	if (line->caller) {
		all[count++] = log_slice("by", line->caller->key ? arena_printf(line->arena, "key %.*s", SLICE_ARG(line->caller->who)) : line->caller->who);
		all[count++] = log_slice("peer", line->caller->address);
	} else {
		all[count++] = log_slice("by", user_name(line->user, line->arena));
		all[count++] = log_number("uid", line->user);
		if (login_of(line, &login))
			all[count++] = log_slice("login", user_name(login, line->arena));
	}
	all[count++] = log_text("command", line->command->name);
	open_event_file(line); /* anew each time: the server may have put it aside */
	log_write(LOG_LEVEL_INFO, event, all);
	log_set_file(-1);
}

/* ---- The running server ---- */

/* The socket's path may be longer than a socket address: it is reached from the data directory. */
static bool connect_there(int fd, const struct command_line *line)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "run/control"};
	if (line->caller) /* the process is there, and can't go elsewhere */
		return connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool done = here >= 0 && chdir(line->data) == 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	int number = errno;
	if (here >= 0 && fchdir(here) != 0)
		done = false;
	if (here >= 0)
		close(here);
	errno = number;
	return done;
}

static int connect_control(const struct command_line *line, struct error *error)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect_there(fd, line))
		return fd;
	int number = errno;
	if (fd >= 0)
		close(fd);
	if (number == ENOENT || number == ECONNREFUSED)
		error_set(error, ERROR_NOT_FOUND, "no server is running on %s", line->data);
	else
		error_set_errno(error, number, "%s/run/control", line->data);
	return -1;
}

static bool converse(int fd, const char *request, int seconds, struct buf *answer, struct error *error)
{
	struct timeval timeout = {.tv_sec = seconds};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 || send(fd, "\n", 1, MSG_NOSIGNAL) < 0)
		return error_set_errno(error, errno, "asking the server");
	char bytes[4096];
	ssize_t got;
	while ((got = recv(fd, bytes, sizeof bytes, 0)) > 0)
		buf_append(answer, slice_make(bytes, (size_t)got));
	if (got < 0)
		return error_set_errno(error, errno, "the server doesn't answer");
	struct slice text = slice_trim(buf_slice(answer));
	if (slice_starts(text, SLICE("error ")))
		return error_set(error, ERROR_INVALID, "%.*s", SLICE_ARG(slice_skip(text, 6)));
	if (!slice_ends_nocase(text, SLICE("ok")))
		return error_set(error, ERROR_TEMPORARY, "the server ended before it answered");
	answer->len = text.len - 2;
	return true;
}

bool instance_ask_within(const struct command_line *line, const char *request, int seconds, struct buf *answer, struct error *error)
{
	int fd = connect_control(line, error);
	if (fd < 0)
		return false;
	bool done = converse(fd, request, seconds, answer, error);
	close(fd);
	return done;
}

bool instance_ask(const struct command_line *line, const char *request, struct buf *answer, struct error *error)
{
	return instance_ask_within(line, request, ASK_TIMEOUT_SECONDS, answer, error);
}

void instance_await_events(const struct command_line *line)
{
	enum { PATIENCE_SECONDS = 2 };
	struct error ignored; /* what it hasn't written can't be read, then */
	struct buf answer = BUF(1024);
	instance_ask_within(line, "events", PATIENCE_SECONDS, &answer, &ignored);
	buf_free(&answer);
}

bool instance_read_events(struct command_line *line, void (*hear)(void *context, struct slice text), void *context)
{
	struct error error;
	if (!instance_become_owner(line))
		return false;
	instance_await_events(line);
	return event_files_read(line->data, hear, context, &error) || command_fail_with(line, &error) == COMMAND_DONE;
}

/* A descriptor of the server's process, which becomes readable when that ends; -1 if it isn't to be seen from here. */
static int server_process(int control)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	return getsockopt(control, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0 ? (int)syscall(SYS_pidfd_open, peer.pid, 0) : -1;
}

/* Where the process can't be seen its lock is free at its end. */
static bool wait_for_end(const struct command_line *line, int process, int seconds)
{
	if (process >= 0)
		return poll(&(struct pollfd){.fd = process, .events = POLLIN}, 1, seconds * 1000) > 0;
	char path[PATH_MAX];
	int lock = snprintf(path, sizeof path, "%s/run/lock", line->data) < PATH_MAX ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	bool ended = lock < 0;
	for (int64_t left = seconds * 1000LL / LOCK_STEP_MS; left > 0 && !(ended = ended || flock(lock, LOCK_EX | LOCK_NB) == 0); left--)
		usleep(LOCK_STEP_MS * 1000);
	if (lock >= 0)
		close(lock);
	return ended;
}

bool instance_stop(const struct command_line *line, int seconds, struct error *error)
{
	int control = connect_control(line, error);
	if (control < 0)
		return false;
	struct buf answer = BUF(1024);
	int process = server_process(control);
	bool done = converse(control, "stop", ASK_TIMEOUT_SECONDS, &answer, error) &&
		    (wait_for_end(line, process, seconds) || error_set(error, ERROR_TEMPORARY, "the server is told to stop, and still ends what is under way"));
	buf_free(&answer);
	if (process >= 0)
		close(process);
	close(control);
	return done;
}

static void tell(const struct command_line *line, const char *request)
{
	struct error error;
	struct buf answer = BUF(1024);
	if (!instance_ask(line, request, &answer, &error) && error.kind != ERROR_NOT_FOUND)
		command_fail(line, "done, but the server was not told: %s", error.text);
	buf_free(&answer);
}

void instance_tell_changed(const struct command_line *line, struct slice account)
{
	char request[ADDRESS_MAX + 16];
	snprintf(request, sizeof request, "changed %.*s", SLICE_ARG(account));
	tell(line, request);
}

void instance_tell_flush(const struct command_line *line) { tell(line, "flush"); }

/* ---- Names that were typed ---- */

bool instance_address(const struct command_line *line, struct slice text, struct slice *canonical, struct error *error)
{
	struct slice address;
	struct error cause;
	if (!address_parse(text, true, line->arena, &address, &cause))
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not an address: %s", SLICE_ARG(text), cause.text);
	*canonical = address_canonical(address, line->arena);
	return true;
}

bool instance_domain(const struct command_line *line, struct slice text, struct slice *canonical, struct error *error)
{
	if (domain_is_literal(text) || !domain_is_valid(text, true))
		return error_set(error, ERROR_INVALID, "\"%.*s\" is not a domain", SLICE_ARG(text));
	*canonical = domain_canonical(text, line->arena);
	return true;
}
