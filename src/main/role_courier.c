/* The courier role: takes messages from the queue and brings them to mailboxes and other servers. Its main thread hears
 * who has work for it; the courier's own threads do the work. */
#include "courier/courier.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "main/measure.h"
#include "main/role.h"
#include "net/call.h"
#include "net/dns.h"
#include "queue/queue.h"
#include "store/snooze.h"
#include "store/store.h"

enum { CARE_FIRST_SECONDS = 300, CARE_EVERY_SECONDS = 3600, ROTATION_FIRST_SECONDS = 10, ROTATION_EVERY_SECONDS = 3600, WAKE_LOOK_SECONDS = 1 };

struct courier_role {
	struct role *role;
	struct queue *queue;
	struct store *store;
	struct auth *auth;
	struct dns *dns;
	struct courier *courier;
	struct caller *policy;
	pthread_t care, rotation, waking;
	int pokes;        /* what the queue role and the command line send */
	int stop_fd;      /* an eventfd: stop; never read, so that all who wait for it see it */
	int stop_seconds; /* written before stop_fd, read after it */
};

static void poke_self(void *context)
{
	struct courier_role *self = context;
	courier_poke(self->courier);
}

static void stop(void *context, int seconds)
{
	struct courier_role *self = context;
	self->stop_seconds = seconds;
	eventfd_write(self->stop_fd, 1);
}

static void measure(void *context, struct buf *out)
{
	const struct courier_role *self = context;
	struct error error;
	uint64_t messages, recipients;
	if (!queue_count(self->queue, &messages, &recipients, &error))
		return;
	measure_value(out, "queue_messages", messages);
	measure_value(out, "queue_recipients", recipients);
}

static void follow(void *context)
{
	const struct courier_role *self = context;
	store_set_limits(self->store, 0, config_current()->undelete_for);
	store_set_snooze(self->store, config_snooze_at(config_current()));
	dns_retest(self->dns);
}

/* Many pokes at once are one. */
static void hear_pokes(struct courier_role *self)
{
	char packet[64];
	bool work = false, reports = false;
	for (ssize_t size; (size = recv(self->pokes, packet, sizeof packet, MSG_DONTWAIT)) >= 0;) {
		bool wanted = slice_equal(slice_make(packet, (size_t)size), SLICE("reports"));
		reports |= wanted;
		work |= !wanted;
	}
	if (work)
		courier_poke(self->courier);
	if (reports)
		courier_feedback_poke(self->courier);
}

static void run(struct courier_role *self)
{
	for (;;) {
		struct pollfd fds[] = {{.fd = self->stop_fd, .events = POLLIN}, {.fd = self->pokes, .events = POLLIN}};
		if (poll(fds, sizeof fds / sizeof *fds, -1) < 0 && errno != EINTR)
			memory_exhausted(0);
		if (fds[0].revents)
			return;
		if (fds[1].revents)
			hear_pokes(self);
	}
}

/* ---- The care of accounts, and of changes of keys, each in a thread of its own ---- */

static bool stop_within(const struct courier_role *self, int seconds)
{
	struct pollfd fd = {.fd = self->stop_fd, .events = POLLIN};
	return poll(&fd, 1, seconds * 1000) > 0;
}

static bool is_stopping(void *context)
{
	return stop_within(context, 0);
}

static void *care_thread(void *argument)
{
	struct courier_role *self = argument;
	for (int wait = CARE_FIRST_SECONDS; !stop_within(self, wait); wait = CARE_EVERY_SECONDS) {
		struct error error;
		if (!store_care(self->store, config_current()->snapshot_every, is_stopping, self, &error))
			log_warning("store.care_failed", log_text("reason", error.text));
	}
	return NULL;
}

/* Whether anything was put to sleep is seen by a folder's time, which costs nothing; a clock that jumps is noticed within a second. What was put there within
 * the grain of that time is looked for once more. */
static void *waking_thread(void *argument)
{
	struct courier_role *self = argument;
	int64_t next = 0, known = -1;
	do {
		int64_t now = clock_now(), stamp = store_wake_stamp(self->store);
		if (now < next && stamp == known)
			continue;
		store_wake(self->store, now, is_stopping, self, &next);
		known = stamp / 1000000000 < now - 1 ? stamp : -1;
	} while (!stop_within(self, WAKE_LOOK_SECONDS));
	return NULL;
}

static void *rotation_thread(void *argument)
{
	struct courier_role *self = argument;
	for (int wait = ROTATION_FIRST_SECONDS; !stop_within(self, wait); wait = ROTATION_EVERY_SECONDS)
		courier_rotations_go_on(self->auth, self->dns, is_stopping, self);
	return NULL;
}

static bool open_all(struct courier_role *self, struct error *error)
{
	const struct config *config = config_current();
	struct store_options store = {
		.data = self->role->data,
		.storage = config->storage,
		.max_message = 0, /* what was accepted is delivered, and it has grown by trace fields */
		.undelete_seconds = config->undelete_for,
		.snooze_at = config_snooze_at(config),
	};
	struct dns_options dns = {config->resolver, config->trust_anchors.at, config->trust_anchors.count};
	return role_confine(self->role, error) && (self->queue = queue_open(self->role->data, QUEUE_DELIVERER, error)) &&
	       (self->store = store_open(&store, error)) && (self->dns = dns_new(&dns, error));
}

static void close_all(struct courier_role *self)
{
	dns_free(&self->dns);
	queue_close(&self->queue);
	auth_close(&self->auth);
	caller_free(&self->policy);
	store_close(&self->store);
	close(self->pokes);
	close(self->stop_fd);
}

int role_courier_main(struct role *role)
{
	struct error error;
	struct courier_role self = {.role = role};
	if (!open_all(&self, &error))
		role_fail(role, &error);
	self.auth = auth_open(role_channel(role, CHANNEL_AUTH));
	self.policy = caller_new(role_channel(role, CHANNEL_FEEDBACK));
	self.pokes = role_channel(role, CHANNEL_POKE);
	self.stop_fd = eventfd(0, EFD_CLOEXEC);
	store_on_change(self.store, bus_announce_mail, role->bus);
	self.courier = courier_start(&(struct courier_options){self.auth, self.dns, self.queue, self.store, role->data, self.policy});
	queue_on_commit(self.queue, poke_self, &self);
	courier_poke(self.courier); /* it may have returned a message before the line above */
	if (pthread_create(&self.care, NULL, care_thread, &self) != 0 || pthread_create(&self.rotation, NULL, rotation_thread, &self) != 0 ||
	    pthread_create(&self.waking, NULL, waking_thread, &self) != 0)
		memory_exhausted(0);
	role->measure = measure;
	role->follow = follow;
	role_serve(role, stop, &self);
	run(&self);
	pthread_join(self.care, NULL);
	courier_stop(&self.courier, self.stop_seconds); /* it ends waiting for the DNS, too */
	pthread_join(self.rotation, NULL);
	pthread_join(self.waking, NULL);
	role_end(role);
	close_all(&self);
	return 0;
}
