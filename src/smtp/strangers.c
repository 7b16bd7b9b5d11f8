/* What strangers may do: how much within an hour (option stranger_rates), how many addresses that nobody has they may try (harvest_*), and what they
 * say before they are greeted. What is counted is in crowd.c, of all connections together. */
#include "smtp/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "smtp/crowd.h"

enum {
	SLOWER_MS = 500,       /* for each address beyond harvest_slow that nobody has, an answer is held back so long, */
	SLOWEST_MS = 20 * 1000, /* at most */
	EARLY_COUNTS = 10,     /* who speaks before he is greeted counts like one who has tried so many such addresses */
};

static bool is_stranger(const struct smtp_session *session)
{
	return session->service->kind == SMTP_RELAY && !smtp_is_trusted(session);
}

static struct slice client_of(const struct smtp_session *session, struct sockaddr_storage *peer)
{
	conn_peer_address(session->conn, peer);
	return smtp_client_bytes(peer);
}

/* ---- Rates ---- */

static struct slice who_of(enum config_rate_of of, struct slice client, struct slice sender, struct slice recipient)
{
	switch (of) {
	case CONFIG_RATE_ADDRESS: return smtp_crowd_address(client);
	case CONFIG_RATE_NETWORK: return smtp_crowd_network(client);
	case CONFIG_RATE_SENDER: return sender; /* the null one is many */
	case CONFIG_RATE_RECIPIENT: break;
	}
	return recipient;
}

/* `recipient` empty: a message begins. */
static const char *count(struct smtp_session *session, struct slice sender, struct slice recipient)
{
	static const char *const replies[] = {
		[CONFIG_RATE_ADDRESS] = "451 4.7.1 that is enough from your address for now, come again later",
		[CONFIG_RATE_NETWORK] = "451 4.7.1 that is enough from your network for now, come again later",
		[CONFIG_RATE_SENDER] = "451 4.7.1 that is enough from this sender for now, come again later",
		[CONFIG_RATE_RECIPIENT] = "451 4.2.1 that is enough for this recipient for now, come again later",
	};
	const struct config_string_list *rates = &session->config->stranger_rates;
	struct sockaddr_storage peer;
	struct slice client = client_of(session, &peer);
	for (size_t i = 0; i < rates->count && is_stranger(session) && client.len > 0; i++) {
		struct config_rate rate;
		if (!config_parse_rate(slice_of(rates->at[i]), &rate))
			continue; /* it was checked when it was read */
		int64_t limit = recipient.len > 0 ? rate.recipients : rate.messages;
		struct slice who = who_of(rate.of, client, sender, recipient);
		if (limit > 0 && who.len > 0 && !smtp_crowd_count((recipient.len > 0 ? COUNTED_RECIPIENTS : COUNTED_MESSAGES) + (int)rate.of, who, limit, clock_monotonic_ms()))
			return replies[rate.of];
	}
	return NULL;
}

const char *smtp_strangers_mail(struct smtp_session *session, struct slice sender)
{
	return count(session, sender, SLICE(""));
}

const char *smtp_strangers_rcpt(struct smtp_session *session, struct slice recipient)
{
	return count(session, session->transaction.message.from, recipient);
}

/* ---- Guessing ---- */

static bool is_counted(const struct smtp_session *session)
{
	return session->config->harvest_refuse > 0 && is_stranger(session);
}

/* Returns how many it has tried by now. */
static int64_t miss(struct smtp_session *session, int64_t how_many)
{
	const struct config *config = session->config;
	struct sockaddr_storage peer;
	struct slice client = client_of(session, &peer);
	if (client.len == 0)
		return 0;
	int64_t missed = smtp_crowd_missed(smtp_crowd_network(client), how_many, config->harvest_refuse, config->harvest_time * 1000, clock_monotonic_ms());
	if (missed >= config->harvest_refuse)
		log_warning("network.shut_out", log_id("session", conn_id(session->conn)), log_slice("client", conn_peer(session->conn)), log_number("missed", missed),
			    log_number("seconds", config->harvest_time));
	return missed;
}

void smtp_strangers_missed(struct smtp_session *session)
{
	if (!is_counted(session))
		return;
	int64_t missed = miss(session, 1), late = missed - session->config->harvest_slow;
	if (missed >= session->config->harvest_refuse)
		smtp_give_up(session, "4.7.1", "your network has tried too many addresses that nobody has, come again later");
	else if (late > 0)
		conn_delay(session->conn, late < SLOWEST_MS / SLOWER_MS ? (int)late * SLOWER_MS : SLOWEST_MS);
}

void smtp_strangers_found(struct smtp_session *session)
{
	struct sockaddr_storage peer;
	struct slice client = client_of(session, &peer);
	if (is_counted(session) && client.len > 0)
		smtp_crowd_found(smtp_crowd_network(client), session->config->harvest_refuse, clock_monotonic_ms());
}

/* ---- Before the greeting ---- */

bool smtp_strangers_are_shut_out(struct smtp_session *session)
{
	struct sockaddr_storage peer;
	struct slice client = client_of(session, &peer);
	return is_counted(session) && client.len > 0 && smtp_crowd_is_shut_out(smtp_crowd_network(client), clock_monotonic_ms());
}

void smtp_strangers_early(struct smtp_session *session)
{
	if (is_counted(session))
		miss(session, EARLY_COUNTS);
}

int smtp_strangers_greeting_ms(const struct smtp_session *session)
{
	return is_stranger(session) ? (int)session->config->greeting_wait * 1000 : 0;
}
