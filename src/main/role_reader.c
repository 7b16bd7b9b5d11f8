/* The reader role: IMAP and POP3. It can open mailboxes, and connect to nobody. */
#include "auth/auth.h"
#include "imap/imap.h"
#include "main/measure.h"
#include "main/role.h"
#include "main/sessions.h"
#include "pop3/pop3.h"
#include "store/store.h"
#include "training/training.h"

struct reader {
	struct store *store;
	struct training *training;
	struct imap_service imap;
	struct pop3_service pop3;
	struct sessions sessions;
};

static void hear(void *context, const struct bus_change *change)
{
	struct reader *reader = context;
	if (change->topic == BUS_MAIL)
		store_announced(reader->store, change->account);
	else
		sessions_hear(&reader->sessions, change);
}

static void stop(void *context, int seconds)
{
	struct reader *reader = context;
	server_stop(reader->sessions.server, seconds);
}

static void measure(void *context, struct buf *out)
{
	struct reader *reader = context;
	measure_server(out, reader->sessions.server);
}

static void answer(void *context, struct slice question, struct buf *out)
{
	struct reader *reader = context;
	sessions_answer(&reader->sessions, question, out);
}

static void follow(void *context)
{
	struct reader *reader = context;
	const struct config *config = config_current();
	struct server_options limits = role_server_options(NULL);
	server_set_limits(reader->sessions.server, &limits);
	store_set_limits(reader->store, (uint64_t)config->max_message, config->undelete_for);
	store_set_snooze(reader->store, config_snooze_at(config));
}

static void *context_of(void *context, enum service service)
{
	struct reader *reader = context;
	return serving_rows[service].protocol == &imap_protocol ? (void *)&reader->imap : (void *)&reader->pop3;
}

int role_reader_main(struct role *role)
{
	struct error error;
	struct reader reader = {0};
	const struct config *config = config_current();
	struct store_options options = {
		.data = role->data,
		.storage = config->storage,
		.max_message = (uint64_t)config->max_message,
		.undelete_seconds = config->undelete_for,
		.snooze_at = config_snooze_at(config),
		.journal = true,
		.hears = true,
	};
	if (!role_confine(role, &error) || !(reader.store = store_open(&options, &error)))
		role_fail(role, &error);
	struct auth *auth = auth_open(role_channel(role, CHANNEL_AUTH));
	reader.training = training_start(reader.store, role_channel(role, CHANNEL_VOTE));
	reader.imap = (struct imap_service){auth, reader.store, reader.training};
	reader.pop3 = (struct pop3_service){auth, reader.store};
	struct server_options limits = role_server_options(role->tls);
	reader.sessions = (struct sessions){server_new(&limits), auth};
	auth_listen(auth);
	store_on_change(reader.store, bus_announce_mail, role->bus);
	role_listen(role, reader.sessions.server, context_of, &reader);
	role->measure = measure;
	role->follow = follow;
	role->answer = answer;
	role->hear = hear;
	role_serve(role, stop, &reader);
	server_run(reader.sessions.server);
	role_end(role);
	server_free(&reader.sessions.server);
	training_stop(&reader.training);
	auth_close(&auth);
	store_close(&reader.store);
	return 0;
}
