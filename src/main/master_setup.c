/* What the master prepares before it starts roles: the lock, folders, listeners, channels, configuration. Each failure is
 * one line that names what is in the way. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "acme/key.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "main/certificates.h"
#include "main/master.h"

enum { LISTEN_BACKLOG = 4096, LOCK_WAIT_MS = 5000, LOCK_STEP_US = 20000 };

/* ---- One server per data directory ---- */

/* The process id that the lock file holds; 0 if there is none. */
static pid_t lock_holder(int fd)
{
	char text[24] = "";
	uint64_t pid;
	ssize_t len = pread(fd, text, sizeof text - 1, 0);
	return len > 0 && slice_to_number(slice_trim(slice_make(text, (size_t)len)), INT32_MAX, &pid) ? (pid_t)pid : 0;
}

/* Roles inherit the lock, so it is free only when the last of them has gone. After a master was killed they end at once,
 * and are waited for; a master that lives is not. */
bool master_lock(struct master *master, struct error *error)
{
	master->lock = open("run/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (master->lock < 0)
		return error_set_errno(error, errno, "%s/run/lock", master->data);
	int64_t deadline = clock_monotonic_ms() + LOCK_WAIT_MS;
	while (flock(master->lock, LOCK_EX | LOCK_NB) != 0) {
		pid_t holder = lock_holder(master->lock);
		if (errno != EWOULDBLOCK)
			return error_set_errno(error, errno, "%s/run/lock", master->data);
		if ((holder > 0 && (kill(holder, 0) == 0 || errno == EPERM)) || clock_monotonic_ms() > deadline)
			return error_set(error, ERROR_EXISTS, "%s is being served already, by process %d", master->data, (int)holder);
		usleep(LOCK_STEP_US);
	}
	char text[24];
	int len = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(master->lock, 0) != 0 || pwrite(master->lock, text, (size_t)len, 0) != len)
		return error_set_errno(error, errno, "%s/run/lock", master->data);
	return true;
}

bool master_make_folders(struct master *master, struct error *error)
{
	struct error cause;
	for (size_t i = 0; i < CONFIG_FOLDER_COUNT; i++)
		if (!file_make_folders(config_folders[i].name, 0700, &cause))
			return error_set(error, cause.kind, "%s: %s", master->data, cause.text);
	return true;
}

/* ---- Listeners ---- */

static void name_listener(struct master_listener *listener, struct sockaddr_storage *address)
{
	char host[INET6_ADDRSTRLEN] = "?";
	socklen_t len = sizeof *address;
	getsockname(listener->fd, (struct sockaddr *)address, &len); /* port 0 has become a real one */
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	bool six = address->ss_family == AF_INET6;
	inet_ntop(address->ss_family, six ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr, host, sizeof host);
	snprintf(listener->address, sizeof listener->address, six ? "[%s]:%d" : "%s:%d", host, ntohs(six ? v6->sin6_port : v4->sin_port));
}

/* Is somebody there who takes connections? If not, what is left of him is in the way. */
static bool is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served = fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN);
	if (fd >= 0)
		close(fd);
	return served;
}

/* The folder is there under systemd (RuntimeDirectory=); elsewhere root makes it, for all to pass through. */
static void make_socket_folder(const char *path)
{
	char folder[SOCKET_PATH_MAX];
	snprintf(folder, sizeof folder, "%s", path);
	*strrchr(folder, '/') = '\0';
	if (folder[0] != '\0' && mkdir(folder, 0755) == 0)
		chmod(folder, 0755);
}

/* For every user of this machine. */
static bool bind_path(struct master_listener *listener)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;
	snprintf(address.sun_path, sizeof address.sun_path, "%s", listener->text);
	snprintf(listener->address, sizeof listener->address, "%s", listener->text);
	make_socket_folder(address.sun_path);
	if (is_served(&address)) {
		errno = EADDRINUSE;
		return false;
	}
	if (lstat(address.sun_path, &status) == 0 && S_ISSOCK(status.st_mode))
		unlink(address.sun_path);
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return listener->fd >= 0 && bind(listener->fd, (struct sockaddr *)&address, sizeof address) == 0 && chmod(address.sun_path, 0666) == 0 &&
	       listen(listener->fd, LISTEN_BACKLOG) == 0;
}

/* At failure errno says why. */
static bool bind_listener(struct master_listener *listener)
{
	if (listener->text[0] == '/')
		return bind_path(listener);
	struct sockaddr_storage address;
	config_parse_listen(slice_of(listener->text), &address); /* was checked when the configuration was read */
	socklen_t len = address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	listener->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return false;
	int on = 1;
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* inherited by what is accepted */
	if (address.ss_family == AF_INET6)
		setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(listener->fd, (struct sockaddr *)&address, len) != 0 || listen(listener->fd, LISTEN_BACKLOG) != 0)
		return false;
	name_listener(listener, &address);
	return true;
}

void master_close_listener(struct master_listener *listener)
{
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->fd >= 0 && listener->text[0] == '/')
		unlink(listener->text);
	free(listener->text);
}

/* What the configuration wants to listen on, in its order. Entries borrow their text from it. False: too many. */
static bool list_wanted(const struct config *config, struct master_listener wanted[ROLE_LISTENERS_MAX], size_t *count)
{
	*count = 0;
	for (int service = 0; service < SERVICE_COUNT; service++) {
		const struct config_string_list *list = service_addresses(config, (enum service)service);
		for (size_t i = 0; i < list->count; i++) {
			if (*count == ROLE_LISTENERS_MAX)
				return false;
			wanted[(*count)++] = (struct master_listener){.fd = -1, .service = (enum service)service, .text = (char *)(uintptr_t)list->at[i]};
		}
	}
	return true;
}

static struct master_listener *find_listener(struct master_listener *list, size_t count, const struct master_listener *like)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].service == like->service && slice_equal(slice_of(list[i].text), slice_of(like->text)))
			return &list[i];
	return NULL;
}

/* The sockets whose place is given up stop listening, so that their ports are free (0.0.0.0:25 in the place of
 * 127.0.0.1:25), though the roles have them open still; or they listen again. */
static void let_go(struct master *master, struct master_listener *wanted, size_t count, bool listen_again)
{
	for (size_t i = 0; i < master->listener_count; i++)
		if (find_listener(wanted, count, &master->listeners[i]))
			continue;
		else if (listen_again)
			listen(master->listeners[i].fd, LISTEN_BACKLOG);
		else
			shutdown(master->listeners[i].fd, SHUT_RD);
}

/* Opens those of `wanted` that aren't there. */
static bool open_missing(struct master *master, struct master_listener *wanted, size_t count, struct error *error)
{
	bool tried = false;
	for (size_t i = 0; i < count; i++) {
		if (find_listener(master->listeners, master->listener_count, &wanted[i]))
			continue;
		bool done = bind_listener(&wanted[i]);
		if (!done && errno == EADDRINUSE && !tried) {
			let_go(master, wanted, count, false);
			tried = true;
			close(wanted[i].fd);
			done = bind_listener(&wanted[i]);
		}
		if (!done)
			return error_set_errno(error, errno, "can't listen on %s (%s)", wanted[i].text, service_rows[wanted[i].service].option);
	}
	return true;
}

/* Puts the list in the place of the former; what was open already is taken over. */
static void take_listeners(struct master *master, struct master_listener *wanted, size_t count)
{
	struct master_listener taken[ROLE_LISTENERS_MAX];
	for (size_t i = 0; i < count; i++) {
		struct master_listener *there = find_listener(master->listeners, master->listener_count, &wanted[i]);
		if (there) {
			taken[i] = *there;
			*there = master->listeners[--master->listener_count];
			continue;
		}
		taken[i] = wanted[i];
		taken[i].text = memory_copy(wanted[i].text, strlen(wanted[i].text));
		log_info("server.listening", log_text("service", service_rows[taken[i].service].name), log_text("address", taken[i].address));
	}
	for (size_t i = 0; i < master->listener_count; i++) {
		log_info("server.unlistening", log_text("service", service_rows[master->listeners[i].service].name), log_text("address", master->listeners[i].address));
		master_close_listener(&master->listeners[i]);
	}
	memcpy(master->listeners, taken, count * sizeof *taken);
	master->listener_count = count;
}

bool master_follow_listeners(struct master *master, const struct config *config, struct error *error)
{
	struct master_listener wanted[ROLE_LISTENERS_MAX];
	size_t count;
	if (!list_wanted(config, wanted, &count))
		return error_set(error, ERROR_LIMIT, "more than %d listeners", ROLE_LISTENERS_MAX);
	if (open_missing(master, wanted, count, error)) {
		take_listeners(master, wanted, count);
		return true;
	}
	let_go(master, wanted, count, true);
	for (size_t i = 0; i < count; i++)
		if (wanted[i].fd >= 0)
			close(wanted[i].fd);
	return false;
}

/* ---- Channels between roles ---- */

void master_empty_channels(struct master *master)
{
	for (size_t i = 0; i < CHANNEL_COUNT; i++)
		master->channels[i] = (struct channel){{-1, -1}};
	for (size_t i = 0; i < ROLE_COUNT; i++)
		master->bus_ends[i] = (struct channel){{-1, -1}};
}

static bool open_channel(struct channel *channel, struct error *error)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel->ends) == 0 || error_set_errno(error, errno, "socketpair");
}

static bool open_bus(struct master *master, struct error *error)
{
	master->bus = bus_new(false);
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		struct channel *channel = &master->bus_ends[i];
		if (!role_rows[i].hears)
			continue;
		if (!open_channel(channel, error))
			return false;
		int own = fcntl(channel->ends[0], F_DUPFD_CLOEXEC, 0);
		if (own < 0)
			return error_set_errno(error, errno, "a descriptor");
		bus_add(master->bus, own, role_rows[i].hears);
	}
	return true;
}

bool master_make_channels(struct master *master, struct error *error)
{
	for (size_t i = 0; i < CHANNEL_COUNT; i++)
		if (!open_channel(&master->channels[i], error))
			return false;
	return open_bus(master, error);
}

static void close_channel(struct channel *channel)
{
	for (int i = 0; i < 2; i++)
		if (channel->ends[i] >= 0)
			close(channel->ends[i]);
}

void master_close_channels(struct master *master)
{
	for (size_t i = 0; i < CHANNEL_COUNT; i++)
		close_channel(&master->channels[i]);
	for (size_t i = 0; i < ROLE_COUNT; i++)
		close_channel(&master->bus_ends[i]);
}

/* ---- Configuration and certificates ---- */

int master_seal(const char *name, struct slice content, struct error *error)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0) {
		error_set_errno(error, errno, "memfd");
		return -1;
	}
	if (!file_write_all(fd, content, error) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void replace(int *place, int fd)
{
	if (*place >= 0)
		close(*place);
	*place = fd;
}

static bool pack(struct master *master, const struct config *config, bool own, struct buf *packed, struct error *error)
{
	privileges_return();
	bool done = certificates_pack(config, master->data, own, packed, error);
	privileges_borrow(&master->owner);
	return done && certificates_try(buf_slice(packed), config, error);
}

/* Reads and checks the certificates as the roles will; returns a memory file, or -1. Keys are read as root, where the master is. Those that this server got by
 * itself are no reason not to serve: should one be damaged, none of them counts. */
static int load_certificates(struct master *master, const struct config *config, bool *any, struct error *error)
{
	struct buf packed = BUF_SECRET(CERTIFICATES_MAX);
	struct error why;
	bool own = config_wants_acme(config), done = pack(master, config, own, &packed, &why);
	if (!done && own) {
		log_error("certificate.damaged", log_text("reason", why.text), log_text("mend", "Look into " ACME_FOLDER "; what is moved away from there is got anew."));
		buf_clear(&packed);
		done = pack(master, config, false, &packed, &why);
	}
	int fd = done ? master_seal("certificates", buf_slice(&packed), &why) : -1;
	*any = packed.len > 0;
	buf_free(&packed);
	if (fd < 0)
		*error = why;
	return fd;
}

static bool listen_as_root(struct master *master, const struct config *config, struct error *error)
{
	privileges_return();
	bool done = master_follow_listeners(master, config, error);
	privileges_borrow(&master->owner);
	return done;
}

bool master_load(struct master *master, bool listen, struct error *error)
{
	struct buf text = BUF(1024 * 1024);
	struct config *config = file_read("pombal.conf", &text, error) ? config_parse(buf_slice(&text), "pombal.conf", error) : NULL;
	bool any = false;
	int certificates = config ? load_certificates(master, config, &any, error) : -1;
	int fd = certificates >= 0 && (!listen || listen_as_root(master, config, error)) ? master_seal("config", buf_slice(&text), error) : -1;
	if (fd >= 0) {
		replace(&master->certificates, certificates);
		master->has_certificates = any;
		replace(&master->config, fd);
		config_set_current(config);
	} else {
		if (certificates >= 0)
			close(certificates);
		config_free(&config);
	}
	buf_free(&text);
	return fd >= 0;
}

bool master_follow_certificates(struct master *master, struct error *error)
{
	bool any = false, had = master->has_certificates;
	int fd = load_certificates(master, config_current(), &any, error);
	if (fd < 0)
		return false;
	replace(&master->certificates, fd);
	master->has_certificates = any;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (role_rows[i].tls && any != had)
			master_restart_child(master, (enum role_name)i);
		else if (role_rows[i].tls && !master->children[i].stopping)
			master->children[i].unfollowed += master_tell_child(master, (enum role_name)i, CONTROL_CERTIFICATES, fd);
	return true;
}
