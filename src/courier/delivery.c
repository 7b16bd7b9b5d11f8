/* One job: finding the hosts of its destination, and offering them the message, one after the other; see delivery.h. */
#include "courier/delivery.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "courier/pool.h"
#include "courier/route.h"
#include "courier/sts.h"
#include "courier/tls_seen.h"
#include "courier/transaction.h"

enum {
	HOSTS_TRIED_MAX = 10, /* addresses tried for one job */
	REST_SECONDS = 60,    /* for so long isn't tried again what couldn't be reached */
};

/* A job being worked on; owned by its thread. */
struct delivery {
	struct courier *courier;
	const struct config *config;
	struct courier_job *job;
	struct courier_body *body;
	struct courier_addressee *undecided[RECIPIENTS_PER_TRANSACTION];
	size_t undecided_count;
	struct courier_session_policy policy;
	struct sockaddr_storage from[2];
	char password_path[4096];
	bool tried;       /* to reach some host; a host that rests isn't */
	bool reached;     /* some host let us in */
	bool worked;      /* … and did what it is there for */
	bool stop;        /* no further host is to be tried */
	struct courier_sts sts; /* what the destination's policy about TLS demands */
	bool by_policy;   /* that is what keeps us from the last host, which may let others in */
	bool parked;      /* the job waits for room at an address, and isn't ours any more */
	struct courier_trouble trouble; /* the last host's */
};

static void delivery_refresh(struct delivery *delivery)
{
	delivery->undecided_count = 0;
	for (size_t i = 0; i < delivery->job->count; i++)
		if (delivery->job->addressees[i]->verdict == VERDICT_NONE)
			delivery->undecided[delivery->undecided_count++] = delivery->job->addressees[i];
}

void courier_note_all(struct courier_job *job, const struct courier_trouble *trouble, const struct courier_via *via)
{
	for (size_t i = 0; i < job->count; i++)
		if (job->addressees[i]->verdict == VERDICT_NONE)
			courier_addressee_note(job->addressees[i], trouble, via);
}

static struct slice domain_of(const struct delivery *delivery)
{
	return courier_turns_destination(&delivery->job->errand);
}

/* Where a recipient's mail goes out is named for him (struct queue_recipient): "host:port", which no domain and no address literal is. */
static bool is_named_server(struct slice destination)
{
	return slice_find_char(destination, ':') != SLICE_NONE && destination.at[destination.len - 1] != ']';
}

/* The smarthost that all mail goes through; empty: this mail goes to its domain, or through the server that is named for it. */
static const char *smarthost_of(const struct delivery *delivery)
{
	return is_named_server(domain_of(delivery)) ? "" : delivery->config->smarthost;
}

/* `fault`: NULL if a session has TLS; `peer`: NULL if it is about no host. */
static void note_row(const struct delivery *delivery, struct slice policy, const struct courier_peer *peer, const char *fault)
{
	struct slice domain = domain_of(delivery);
	struct report_row row = {.policy = policy, .passed = !fault, .reason = slice_of(fault)};
	if (is_named_server(domain))
		return;
	if (fault && peer) {
		row.source = slice_of(peer->host);
		row.address = slice_of(peer->address_text);
	}
	if (domain.len > 0 && domain.at[0] != '[' && *delivery->config->reports_from)
		courier_tls_seen_note(delivery->courier->tls_seen, domain, &row);
}

/* Of policies that would demand TLS those of MTA-STS alone are looked for (RFC 8460 §4.2). A host that isn't named in it fails whatever its TLS is like. */
static void note_tls(void *context, const struct courier_peer *peer, const char *fault)
{
	const struct delivery *delivery = context;
	bool found = delivery->sts.found, named = !found || sts_names_host(&delivery->sts.policy, slice_of(peer->host));
	note_row(delivery, found ? delivery->sts.told : SLICE("no-policy-found"), peer, named ? fault : "validation-failure");
}

static void set_policy(struct delivery *delivery)
{
	const char *smarthost = smarthost_of(delivery);
	const struct config *config = delivery->config;
	static const struct { const char *name; enum courier_session_tls tls; } modes[] = {
		{"none", SESSION_CLEAR}, {"opportunistic", SESSION_OPPORTUNISTIC}, {"starttls", SESSION_STARTTLS}, {"implicit", SESSION_IMPLICIT}};
	delivery->policy = (struct courier_session_policy){.tls = SESSION_OPPORTUNISTIC, .user = "", .password_path = "", .tls_failed = delivery->courier->tls_failed};
	for (size_t i = 0, n = 0; i < config->send_from.count && n < 2; i++)
		if (config_parse_address(slice_of(config->send_from.at[i]), &delivery->from[n])) {
			delivery->policy.from[delivery->from[n].ss_family == AF_INET6] = &delivery->from[n];
			n++;
		}
	if (!*smarthost) {
		delivery->policy.tls_seen = note_tls;
		delivery->policy.context = delivery;
	}
	delivery->policy.own_name = *smarthost ? "" : config->hostname;
	if (!*smarthost) {
		if (delivery->job->letter->work->message.require_tls)
			delivery->policy.tls = SESSION_STARTTLS;
		return;
	}
	delivery->policy.tls = SESSION_STARTTLS;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (slice_equal(slice_of(config->smarthost_tls), slice_of(modes[i].name)))
			delivery->policy.tls = modes[i].tls;
	bool absolute = config->smarthost_password_file[0] == '/';
	snprintf(delivery->password_path, sizeof delivery->password_path, "%s%s%s", absolute ? "" : delivery->courier->data, absolute ? "" : "/",
		 config->smarthost_password_file);
	delivery->policy.user = config->smarthost_user;
	delivery->policy.password_path = delivery->password_path;
	delivery->policy.unverified_password = config->smarthost_unverified_password;
}

static void log_attempt(const struct delivery *delivery, const struct courier_peer *peer)
{
	log_info("delivery.attempt_failed", log_id("id", delivery->job->letter->work->message.id), log_text("host", peer->host),
		 log_text("address", peer->address_text), log_text("reply", delivery->trouble.text),
		 log_number("recipients", (int64_t)delivery->undecided_count));
}

/* ---- One host ---- */

static struct courier_session *take_kept(struct courier *courier, const struct courier_peer *peer)
{
	pthread_mutex_lock(&courier->lock);
	struct courier_session *session = courier_pool_take(courier->pool, peer);
	pthread_mutex_unlock(&courier->lock);
	if (session && !courier_session_renew(session))
		courier_session_close(&session);
	return session;
}

static void keep(struct courier *courier, struct courier_session *session)
{
	if (session->broken) {
		courier_session_close(&session);
		return;
	}
	pthread_mutex_lock(&courier->lock);
	courier_pool_keep(courier->pool, session, clock_monotonic_ms());
	pthread_mutex_unlock(&courier->lock);
}

static void note_peer(struct delivery *delivery, const struct courier_peer *peer)
{
	delivery->trouble.whole_host = true;
	courier_note_all(delivery->job, &delivery->trouble, &(struct courier_via){slice_of(peer->host), slice_of(peer->address_text), SLICE("")});
}

static void set_end(struct delivery *delivery)
{
	delivery->policy.end = clock_monotonic_ms() + delivery->config->session_timeout * 1000;
}

/* A host that fails what the domain's policy demands isn't just unable to speak TLS. */
static void blame_policy(struct delivery *delivery)
{
	struct courier_trouble *trouble = &delivery->trouble, whole;
	delivery->by_policy = delivery->sts.mode == STS_ENFORCE && !trouble->interrupted && !trouble->from_peer && slice_starts(slice_of(trouble->status), SLICE("4.7."));
	if (!delivery->by_policy)
		return;
	courier_trouble_set(&whole, false, trouble->status, "the policy of %.*s (MTA-STS) wants TLS with a valid certificate: %s", SLICE_ARG(domain_of(delivery)), trouble->text);
	*trouble = whole;
}

/* A session with the peer, a kept one if there is one and `fresh` isn't asked for. */
static struct courier_session *open_session(struct delivery *delivery, const struct courier_peer *peer, bool fresh)
{
	fresh |= delivery->job->letter->work->message.require_tls; /* a kept one may have less than verified TLS */
	set_end(delivery);
	struct courier_session *session = fresh ? NULL : take_kept(delivery->courier, peer);
	if (session && delivery->sts.mode == STS_ENFORCE && !client_tls_is_verified(session->client))
		courier_session_close(&session);
	if (!session)
		session = courier_session_open(peer, &delivery->policy, &delivery->trouble);
	if (session) {
		delivery->reached = true;
		return session;
	}
	blame_policy(delivery);
	note_peer(delivery, peer);
	delivery->stop = delivery->trouble.interrupted;
	log_attempt(delivery, peer);
	return NULL;
}

/* The body is read when there is somebody to take it: a job that waits for a silent server costs little. False: it can't be. */
static bool need_body(struct delivery *delivery)
{
	const struct queue_message *message = &delivery->job->letter->work->message;
	struct error error = {0};
	if (!delivery->body)
		delivery->body = courier_body_open(delivery->courier->queue, message, &error);
	if (delivery->body)
		return true;
	log_error("queue.unreadable", log_id("id", message->id), log_text("cause", error.text));
	courier_trouble_set(&delivery->trouble, false, "4.3.0", "the queued message can't be read at the moment");
	delivery->trouble.soon = delivery->stop = true;
	courier_note_all(delivery->job, &delivery->trouble, NULL);
	return false;
}

/* Offers the message to one host, in as many transactions as the host makes necessary. */
static void try_peer(struct delivery *delivery, const struct courier_peer *peer)
{
	struct courier_session *session = open_session(delivery, peer, false);
	bool again = session && need_body(delivery);
	while (again) {
		size_t before = delivery->undecided_count;
		struct courier_transaction transaction = {.session = session, .message = &delivery->job->letter->work->message, .body = delivery->body,
						  .addressees = delivery->undecided, .count = delivery->undecided_count, .end = delivery->policy.end};
		courier_transaction_run(&transaction);
		if (transaction.stale) {
			courier_session_close(&session);
			session = open_session(delivery, peer, true);
			again = session != NULL;
			continue;
		}
		if (courier_session_lacks_tls(session)) { /* not in this session, but perhaps in the next */
			courier_session_forget_tls(peer, delivery->courier->tls_failed);
			session->broken = true;
		}
		delivery_refresh(delivery);
		delivery->worked |= !session->broken || delivery->undecided_count < before;
		delivery->trouble = transaction.trouble;
		delivery->stop = transaction.unsure || transaction.trouble.interrupted;
		again = transaction.again && delivery->undecided_count > 0 && delivery->undecided_count < before && courier_session_renew(session);
		set_end(delivery);
	}
	if (session && delivery->undecided_count > 0)
		log_attempt(delivery, peer);
	if (session)
		keep(delivery->courier, session);
}

/* ---- Room at its address ---- */

struct courier_limits courier_limits(void)
{
	const struct config *config = config_current();
	int64_t rest = courier_retry_delay(config, 0) * 1000 / 2; /* less than the first retry would wait */
	return (struct courier_limits){.sessions = (size_t)config->deliveries, .per_destination = (size_t)config->connections_per_destination,
				       .rest_ms = rest < REST_SECONDS * 1000 ? rest : REST_SECONDS * 1000};
}

static enum courier_entry enter(struct delivery *delivery, const struct courier_peer *peer)
{
	struct courier *courier = delivery->courier;
	struct courier_limits limits = courier_limits();
	pthread_mutex_lock(&courier->lock);
	enum courier_entry entry = courier_turns_enter(courier->turns, &delivery->job->errand, slice_of(peer->address_text), !delivery->reached, &limits,
						       clock_monotonic_ms(), &delivery->trouble);
	if (entry == COURIER_PARKED)
		courier_remote_pump(courier);
	pthread_mutex_unlock(&courier->lock);
	return entry;
}

/* Whether nobody at all could get in: not if it was for the sake of this message or domain alone, or the end of the courier. */
static bool is_unreachable(const struct delivery *delivery)
{
	return !delivery->reached && !delivery->trouble.interrupted && !delivery->by_policy && !delivery->job->letter->work->message.require_tls;
}

static void leave(struct delivery *delivery, enum courier_outcome outcome)
{
	struct courier *courier = delivery->courier;
	struct courier_limits limits = courier_limits();
	pthread_mutex_lock(&courier->lock);
	courier_turns_leave(courier->turns, &delivery->job->errand, outcome, &delivery->trouble, &limits, clock_monotonic_ms());
	courier_remote_pump(courier);
	pthread_mutex_unlock(&courier->lock);
}

static void visit(struct delivery *delivery, const struct courier_peer *peer)
{
	bool reached = delivery->reached, worked = delivery->worked;
	delivery->reached = delivery->worked = delivery->by_policy = false;
	delivery->tried = true;
	try_peer(delivery, peer);
	leave(delivery, delivery->worked ? COURIER_WORKED : is_unreachable(delivery) ? COURIER_UNREACHABLE : COURIER_UNDECIDED);
	delivery->reached |= reached;
	delivery->worked |= worked;
}

/* ---- The domain's policy about TLS ---- */

/* False: the courier is being stopped. */
static bool find_policy(struct delivery *delivery, struct arena *arena)
{
	struct slice domain = domain_of(delivery);
	if (*smarthost_of(delivery) || domain.len == 0 || domain.at[0] == '[' || is_named_server(domain))
		return true;
	delivery->sts = courier_sts_find(delivery->courier, domain, arena);
	if (delivery->sts.fault && !delivery->sts.interrupted)
		note_row(delivery, delivery->sts.found ? delivery->sts.told : SLICE("sts"), NULL, delivery->sts.fault);
	delivery->policy.judged = delivery->sts.found;
	if (delivery->sts.mode == STS_ENFORCE)
		delivery->policy.tls = SESSION_STARTTLS;
	if (!delivery->sts.interrupted)
		return true;
	courier_trouble_set(&delivery->trouble, false, "4.3.2", "this server is stopping");
	delivery->trouble.interrupted = true;
	courier_note_all(delivery->job, &delivery->trouble, NULL);
	return false;
}

/* RFC 8461 §5: a host that an enforced policy doesn't name isn't delivered to. */
static bool is_named(struct delivery *delivery, const struct courier_peer *peer)
{
	if (delivery->sts.mode != STS_ENFORCE || sts_names_host(&delivery->sts.policy, slice_of(peer->host)))
		return true;
	courier_trouble_set(&delivery->trouble, false, "4.7.0", "the policy of %.*s (MTA-STS) doesn't name the mail server %s", SLICE_ARG(domain_of(delivery)), peer->host);
	delivery->by_policy = true;
	note_tls(delivery, peer, NULL);
	note_peer(delivery, peer);
	log_attempt(delivery, peer);
	return false;
}

static void try_peers(struct delivery *delivery, const char *name)
{
	struct arena *arena = arena_new();
	struct courier_peer *peers;
	struct courier *courier = delivery->courier;
	const char *smarthost = smarthost_of(delivery);
	bool named = *smarthost || is_named_server(slice_of(name));
	size_t count = named
		? courier_route_host(courier->dns, slice_of(*smarthost ? smarthost : name), HOSTS_TRIED_MAX, arena, &peers, &delivery->trouble)
		: courier_route_domain(courier->dns, delivery->config, slice_of(name), HOSTS_TRIED_MAX, arena, &peers, &delivery->trouble);
	if (count == 0)
		courier_note_all(delivery->job, &delivery->trouble, NULL);
	else if (!find_policy(delivery, arena))
		count = 0;
	for (size_t i = 0; i < count && delivery->undecided_count > 0 && !delivery->stop && !delivery->parked; i++) {
		if (!is_named(delivery, &peers[i]))
			continue;
		enum courier_entry entry = enter(delivery, &peers[i]);
		delivery->parked = entry == COURIER_PARKED;
		if (entry == COURIER_ENTERED)
			visit(delivery, &peers[i]);
		else if (entry == COURIER_RESTING)
			note_peer(delivery, &peers[i]);
	}
	if (delivery->by_policy && !delivery->reached && !delivery->parked)
		courier_sts_doubt(courier, domain_of(delivery));
	arena_free(&arena);
}

enum courier_end courier_deliver(struct courier *courier, struct courier_job *job, enum courier_outcome *outcome, struct courier_trouble *why)
{
	struct delivery *delivery = memory_new(sizeof *delivery);
	delivery->courier = courier;
	delivery->config = config_current();
	delivery->job = job;
	delivery_refresh(delivery);
	set_policy(delivery);
	try_peers(delivery, courier_turns_destination(&job->errand).at);
	enum courier_end end = delivery->parked ? COURIER_WAITS : COURIER_THROUGH;
	if (end == COURIER_THROUGH)
		*outcome = delivery->worked ? COURIER_WORKED : delivery->tried && is_unreachable(delivery) ? COURIER_UNREACHABLE : COURIER_UNDECIDED;
	*why = delivery->trouble;
	courier_body_close(&delivery->body);
	free(delivery);
	return end;
}
