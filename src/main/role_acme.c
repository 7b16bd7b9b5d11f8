/* The acme role: gets certificates from a certification authority, and renews them (acme/work.h). It talks to the authority and the DNS, and can touch no file; what
 * needs a key it asks the master over its control channel, one question after the other. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "acme/work.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "main/control.h"
#include "main/role.h"
#include "net/dns.h"

enum { ANSWER_MS = 60000 };

struct acme_role {
	struct role *role;
	struct acme_work *work;
	pthread_mutex_t lock;    /* guards what follows */
	struct dns *dns;         /* NULL: none yet */
	pthread_cond_t heard;
	bool asked, answered, stopping;
	struct control_message answer;
};

/* ---- Asking the master ---- */

/* A memory file that nobody can change any more. */
static int seal(struct slice payload, struct error *error)
{
	int fd = memfd_create("payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0) {
		error_set_errno(error, errno, "memfd");
		return -1;
	}
	if (!file_write_all(fd, payload, error) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_question(struct acme_role *self, const char *question, struct slice payload, struct error *error)
{
	int fd = payload.len > 0 ? seal(payload, error) : -1;
	bool done = (payload.len == 0 || fd >= 0) && control_send(self->role->control, CONTROL_ACME, 0, question, fd, error);
	if (fd >= 0)
		close(fd);
	return done;
}

/* With the lock held. */
static bool await_answer(struct acme_role *self, struct error *error)
{
	int64_t until = clock_monotonic_ms() + ANSWER_MS;
	while (!self->answered && !self->stopping && clock_wait(&self->heard, &self->lock, until))
		;
	if (self->answered)
		return true;
	return error_set(error, self->stopping ? ERROR_INTERRUPTED : ERROR_TEMPORARY, self->stopping ? "the server is stopping" : "the master doesn't answer");
}

static bool take_answer(struct control_message *message, struct buf *out, struct error *error)
{
	bool done = message->value == 1 || error_set(error, ERROR_INVALID, "%s", message->text);
	if (done && message->fd >= 0)
		done = file_read_fd(message->fd, out, error);
	if (message->fd >= 0)
		close(message->fd);
	message->fd = -1;
	return done;
}

static bool ask(void *context, const char *question, struct slice payload, struct buf *out, struct error *error)
{
	struct acme_role *self = context;
	pthread_mutex_lock(&self->lock);
	self->asked = true;
	self->answered = false;
	bool done = send_question(self, question, payload, error) && await_answer(self, error);
	if (self->answered)
		done = take_answer(&self->answer, out, error) && done;
	self->asked = self->answered = false;
	pthread_mutex_unlock(&self->lock);
	return done;
}

static void hear_answer(void *context, struct control_message *message)
{
	struct acme_role *self = context;
	pthread_mutex_lock(&self->lock);
	if (self->asked && !self->answered) { /* else it came too late */
		self->answer = *message;
		self->answered = true;
		message->fd = -1;
		pthread_cond_broadcast(&self->heard);
	}
	pthread_mutex_unlock(&self->lock);
}

/* A server that gets no certificates never asks the DNS here. */
static struct dns *have_dns(void *context, struct error *error)
{
	struct acme_role *self = context;
	const struct config *config = config_current();
	struct dns_options options = {config->resolver, config->trust_anchors.at, config->trust_anchors.count};
	pthread_mutex_lock(&self->lock);
	if (self->stopping)
		error_set(error, ERROR_INTERRUPTED, "the server is stopping");
	else if (!self->dns)
		self->dns = dns_new(&options, error);
	struct dns *dns = self->stopping ? NULL : self->dns;
	pthread_mutex_unlock(&self->lock);
	return dns;
}

/* ---- Being asked ---- */

/* "certificates", "renew NEW [ID]". */
static void answer_question(void *context, struct slice question, struct buf *out)
{
	struct acme_role *self = context;
	struct slice verb, anew, id;
	slice_cut(question, ' ', &verb, &anew);
	slice_cut(anew, ' ', &anew, &id);
	if (slice_equal(verb, SLICE("certificates")))
		acme_work_say(self->work, out);
	else if (slice_equal(verb, SLICE("renew")))
		buf_printf(out, "renewing\t%d\n", acme_work_renew(self->work, id, slice_equal(anew, SLICE("1"))));
}

static void follow(void *context)
{
	acme_work_wake(((struct acme_role *)context)->work);
}

static void stop(void *context, int seconds)
{
	struct acme_role *self = context;
	(void)seconds;
	pthread_mutex_lock(&self->lock);
	self->stopping = true;
	pthread_cond_broadcast(&self->heard);
	if (self->dns)
		dns_stop(self->dns);
	pthread_mutex_unlock(&self->lock);
	acme_work_stop(self->work);
}

int role_acme_main(struct role *role)
{
	struct acme_role self = {.role = role, .answer = {.fd = -1}};
	struct error error;
	if (!role_confine(role, &error))
		role_fail(role, &error);
	pthread_mutex_init(&self.lock, NULL);
	clock_init_condition(&self.heard);
	self.work = acme_work_new(&(struct acme_work_options){.ask = ask, .dns = have_dns, .context = &self});
	role->follow = follow;
	role->answer = answer_question;
	role->hear_acme = hear_answer;
	role_serve(role, stop, &self);
	acme_work_run(self.work);
	role_end(role);
	acme_work_free(&self.work);
	dns_free(&self.dns);
	pthread_cond_destroy(&self.heard);
	pthread_mutex_destroy(&self.lock);
	return 0;
}
