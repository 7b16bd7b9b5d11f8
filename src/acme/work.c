/* See work.h. One thread does it all; what other threads ask for is noted under the lock, and wakes it. */
#include "acme/internal.h"
#include "acme/records.h"
#include "acme/schedule.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/config.h"

enum {
	AGAIN_SECONDS = 6 * 3600,  /* a certificate is so old at least when the authority may want it renewed */
	ORDERS_MAX = 4,            /* of one set at a time, each without names that failed */
};

/* ---- When ---- */

static bool have_client(struct acme_work *work, const struct acme_kind_list *kinds, struct error *error)
{
	const struct config *config = config_current();
	struct buf answer = BUF(ACME_REQUEST_TEXT_MAX);
	struct slice jwk, thumbprint;
	if (work->client)
		return true;
	struct dns *dns = work->options.dns(work->options.context, error);
	bool done = dns && acme_ask_master(work, SLICE(""), &answer, error, "account");
	slice_cut(slice_trim(buf_slice(&answer)), '\n', &jwk, &thumbprint);
	if (done) {
		work->client_options = (struct acme_client_options){
			.rules = {.dns = dns, .trusted = config->trusted_certificates, .may_reach = config_may_fetch, .stop = &work->stop},
			.directory = slice_of(config->acme_directory),
			.contact = slice_of(config->acme_contact),
			.profile = slice_of(config->acme_profile),
			.jwk = arena_copy(work->arena, jwk),
			.thumbprint = arena_copy(work->arena, thumbprint),
			.kind_count = kinds->count,
			.keeper = &work->keeper,
		};
		memcpy(work->client_options.kinds, kinds->at, sizeof kinds->at);
		work->client = acme_client_new(&work->client_options);
	}
	buf_free(&answer);
	return done;
}

/* The authority may suggest another time than the dates do, earlier if it must revoke. */
static void ask_when(struct acme_work *work, struct acme_state *state, const struct acme_set *set, const struct acme_kind_list *kinds)
{
	struct acme_renewal renewal;
	struct error error;
	int64_t again = ACME_LOOK_SECONDS;
	if (clock_now() < state->ask_at)
		return;
	if (have_client(work, kinds, &error) && acme_client_renewal(work->client, set->certificate.id, &renewal, &again, &error)) {
		int64_t at = acme_renew_within(renewal.start, renewal.end, set->certificate.begins, set->certificate.ends, state->chance);
		if (at < state->renewed_at + AGAIN_SECONDS) /* an authority that always says so is mistaken */
			at = state->renewed_at + AGAIN_SECONDS;
		if (renewal.why.len > 0)
			log_info("certificate.renewal_explained", log_text("certificate", state->id), log_slice("url", renewal.why));
		pthread_mutex_lock(&work->lock);
		state->renew_at = at;
		pthread_mutex_unlock(&work->lock);
	} else
		again = 6 * ACME_LOOK_SECONDS;
	state->ask_at = clock_now() + again;
}

static void follow_dates(struct acme_work *work, struct acme_state *state, const struct acme_set *set, const struct acme_kind_list *kinds)
{
	int64_t ends = set->has_certificate ? set->certificate.ends : 0;
	if (ends != state->known_ends) {
		pthread_mutex_lock(&work->lock);
		state->renew_at = ends ? acme_renew_at(set->certificate.begins, ends, state->chance) : 0;
		pthread_mutex_unlock(&work->lock);
		state->known_ends = ends;
		state->ask_at = 0;
	}
	if (set->has_certificate)
		ask_when(work, state, set, kinds);
}

static bool is_due(const struct acme_state *state, const struct acme_set *set)
{
	return state->forced || !set->has_certificate || clock_now() >= state->renew_at;
}

/* ---- Getting it ---- */

static const char *mend_of(const struct error *error)
{
	switch (error->kind) {
	case ERROR_DENIED:
		return "The authority must reach this server by each of the names, or find their records: look at the DNS, and at ports 80 and 443; "
		       "then `pombal certificate renew`.";
	case ERROR_INVALID:
		return "Look at the options that begin with acme_, then `pombal certificate renew`.";
	default:
		return "Nothing, if it passes: it is tried again by itself.";
	}
}

static void note_failure(struct acme_work *work, struct acme_state *state, int64_t asked, const struct error *error)
{
	if (error->kind == ERROR_INTERRUPTED || atomic_load(&work->stop))
		return;
	acme_state_set_why(work, state, error->text);
	pthread_mutex_lock(&work->lock);
	state->failures++;
	state->retry_at = clock_now() + acme_retry_after(state->failures, asked, (unsigned)random_below(ACME_CHANCES));
	pthread_mutex_unlock(&work->lock);
	char retry[CLOCK_STAMP_MAX];
	clock_stamp(state->retry_at * 1000, retry);
	log_warning("certificate.failed", log_text("certificate", state->id), log_text("reason", error->text), log_text("mend", mend_of(error)),
		    log_number("failures", state->failures),
		    log_text("again", retry));
}

static void note_success(struct acme_work *work, struct acme_state *state)
{
	pthread_mutex_lock(&work->lock);
	state->failures = 0;
	state->retry_at = 0;
	state->renewed_at = clock_now();
	state->why[0] = '\0';
	state->look_at = 0; /* which names are left out is said again */
	pthread_mutex_unlock(&work->lock);
	log_info("certificate.renewed", log_text("certificate", state->id), log_number("names", (int64_t)state->count));
}

/* Takes the names that failed out of `names`. */
static size_t without_failed(const struct acme_state *state, const struct acme_outcome *outcome, struct slice *names, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		const struct acme_failed_name *failed = NULL;
		for (size_t k = 0; k < outcome->failed_count; k++)
			if (slice_equal(outcome->failed[k].name, names[i]))
				failed = &outcome->failed[k];
		if (!failed)
			names[kept++] = names[i];
		else
			log_warning("certificate.name_failed", log_text("certificate", state->id), log_slice("name", names[i]), log_slice("reason", failed->why),
				    log_text("mend", "The authority must reach this server by that name, or find its record: look at the DNS, and at ports 80 and 443."));
	}
	return kept;
}

/* With all names; then, as often as needed, without those that failed. What then is missing is a failure, though there is a certificate. */
static void get_certificate(struct acme_work *work, struct acme_state *state, const struct acme_set *set)
{
	struct slice *names = arena_array(work->arena, state->count + 1, sizeof *names);
	struct acme_outcome outcome = {0};
	struct error error, first = {0};
	size_t count = state->count;
	bool done = false, due = is_due(state, set);
	memcpy(names, state->names, count * sizeof *names);
	for (int i = 0; i < ORDERS_MAX && !done && count > 0; i++) {
		struct acme_wanted wanted = {.id = set->id, .names = names, .count = count, .replaces = set->certificate.id};
		done = acme_client_order(work->client, &wanted, &outcome, &error);
		if (done)
			break;
		if (first.kind == ERROR_NONE)
			first = error;
		size_t left = without_failed(state, &outcome, names, count);
		if (left == count || (!due && acme_set_covers(set, names, left)))
			break;
		count = left;
	}
	if (done)
		note_success(work, state);
	if (!done || first.kind != ERROR_NONE)
		note_failure(work, state, outcome.retry_after, first.kind != ERROR_NONE ? &first : &error);
}

static void set_working(struct acme_work *work, struct acme_state *state)
{
	pthread_mutex_lock(&work->lock);
	state->working = true;
	pthread_mutex_unlock(&work->lock);
}

/* Is there anything to be done about it, and may it be done now? */
static bool is_wanted(const struct acme_state *state, const struct acme_set *set)
{
	return state->count > 0 && (is_due(state, set) || !acme_set_covers(set, state->names, state->count)) && (state->forced || clock_now() >= state->retry_at);
}

/* What is asked for from here on is for the next time. */
static void begin_work(struct acme_work *work, struct acme_state *state)
{
	pthread_mutex_lock(&work->lock);
	state->forced = state->asked;
	state->anew = state->asked_anew;
	state->asked = state->asked_anew = false;
	pthread_mutex_unlock(&work->lock);
}

static void end_work(struct acme_work *work, struct acme_state *state)
{
	pthread_mutex_lock(&work->lock);
	state->forced = state->anew = state->working = false;
	pthread_mutex_unlock(&work->lock);
}

/* Returns whether something was tried. */
static bool work_on(struct acme_work *work, struct acme_state *state, const struct acme_set *set, const struct acme_kind_list *kinds)
{
	struct error error = {0};
	begin_work(work, state);
	acme_names_follow(work, state, set, kinds);
	follow_dates(work, state, set, kinds);
	if (!is_wanted(state, set)) {
		end_work(work, state);
		return false;
	}
	set_working(work, state);
	work->anew = state->anew;
	log_info("certificate.asked", log_text("certificate", state->id), log_number("names", (int64_t)state->count),
		 log_text("authority", config_current()->acme_directory));
	if (have_client(work, kinds, &error))
		get_certificate(work, state, set);
	else
		note_failure(work, state, 0, &error);
	end_work(work, state);
	if (!atomic_load(&work->stop))
		acme_note_write(work);
	return true;
}

/* ---- Rounds ---- */

static void mark_present(struct acme_work *work, const struct acme_set *sets, size_t count)
{
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->count; i++)
		work->states[i]->present = false;
	for (size_t i = 0; i < count; i++)
		acme_state_have(work, sets[i].id)->present = true;
	pthread_mutex_unlock(&work->lock);
}

static struct acme_state *state_of(struct acme_work *work, struct slice id)
{
	pthread_mutex_lock(&work->lock);
	struct acme_state *state = acme_state_find(work, id);
	pthread_mutex_unlock(&work->lock);
	return state;
}

/* What failed by other settings is tried again at once. */
static void follow_settings(struct acme_work *work, const struct acme_kind_list *kinds)
{
	const struct config *config = config_current();
	char now[ACME_SETTINGS_MAX];
	snprintf(now, sizeof now, "%s %s %s %s %zu %s", config->acme_directory, config->acme_contact, config->acme_profile, config->hostname, kinds->count,
		 config->resolver);
	bool changed = work->settings[0] && strcmp(now, work->settings) != 0;
	snprintf(work->settings, sizeof work->settings, "%s", now);
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; changed && i < work->count; i++)
		work->states[i]->retry_at = 0;
	pthread_mutex_unlock(&work->lock);
}

static bool get_sets(struct acme_work *work, struct acme_set **sets, size_t *count)
{
	struct buf text = BUF(ACME_SETS_TEXT_MAX);
	struct error error;
	*count = 0;
	bool done = acme_ask_master(work, SLICE(""), &text, &error, "sets") &&
		    (acme_sets_read(buf_slice(&text), work->arena, sets, count) || error_set(&error, ERROR_INVALID, "what the master says can't be read"));
	if (!done && !atomic_load(&work->stop))
		log_warning("certificate.names_unknown", log_text("reason", error.text));
	buf_free(&text);
	return done;
}

/* Looks at all sets. True: something has changed, look again. */
static bool run_round(struct acme_work *work)
{
	struct acme_set *sets = NULL;
	struct acme_kind_list kinds;
	size_t count = 0;
	bool worked = false;
	acme_kinds_find(config_current(), &kinds);
	follow_settings(work, &kinds);
	if (kinds.count == 0 || !config_wants_acme(config_current()) || get_sets(work, &sets, &count))
		mark_present(work, sets, count);
	for (size_t i = 0; i < count && !atomic_load(&work->stop); i++)
		worked |= work_on(work, state_of(work, sets[i].id), &sets[i], &kinds);
	acme_client_free(&work->client);
	arena_reset(work->arena);
	return worked;
}

/* Until something is due, or for ACME_ROUND_SECONDS. */
static int64_t seconds_to_wait(struct acme_work *work)
{
	int64_t now = clock_now(), wait = ACME_ROUND_SECONDS;
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->count; i++) {
		const struct acme_state *state = work->states[i];
		int64_t due = state->renew_at > state->retry_at ? state->renew_at : state->retry_at;
		if (state->present && due > now && due - now < wait)
			wait = due - now;
	}
	pthread_mutex_unlock(&work->lock);
	return wait;
}

void acme_work_run(struct acme_work *work)
{
	while (!atomic_load(&work->stop)) {
		pthread_mutex_lock(&work->lock);
		work->woken = false;
		pthread_mutex_unlock(&work->lock);
		acme_note_read(work);
		if (!run_round(work))
			acme_work_pause(work, seconds_to_wait(work) * 1000, true);
	}
}

/* ---- From elsewhere ---- */

struct acme_work *acme_work_new(const struct acme_work_options *options)
{
	struct acme_work *work = memory_new(sizeof *work);
	work->options = *options;
	work->arena = arena_new();
	work->keeper = acme_keeper_of(work);
	work->records = acme_records_new();
	work->secrets = arena_new();
	pthread_mutex_init(&work->lock, NULL);
	clock_init_condition(&work->changed);
	return work;
}

void acme_work_free(struct acme_work **freed)
{
	struct acme_work *work = *freed;
	*freed = NULL;
	acme_client_free(&work->client);
	for (size_t i = 0; i < work->count; i++)
		acme_state_free(work->states[i]);
	free(work->states);
	arena_free(&work->arena);
	arena_free_secret(&work->secrets);
	acme_records_free(&work->records);
	pthread_cond_destroy(&work->changed);
	pthread_mutex_destroy(&work->lock);
	free(work);
}

static void wake(struct acme_work *work)
{
	work->woken = true;
	pthread_cond_broadcast(&work->changed);
}

void acme_work_stop(struct acme_work *work)
{
	pthread_mutex_lock(&work->lock);
	atomic_store(&work->stop, true);
	wake(work);
	pthread_mutex_unlock(&work->lock);
}

void acme_work_wake(struct acme_work *work)
{
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->count; i++)
		work->states[i]->look_at = 0;
	wake(work);
	pthread_mutex_unlock(&work->lock);
}

bool acme_work_renew(struct acme_work *work, struct slice id, bool anew)
{
	bool found = false;
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->count; i++) {
		struct acme_state *state = work->states[i];
		if (!state->present || (id.len > 0 && !slice_equal_nocase(slice_of(state->id), id)))
			continue;
		found = state->asked = true;
		state->asked_anew = anew;
	}
	wake(work);
	pthread_mutex_unlock(&work->lock);
	return found;
}

void acme_work_say(struct acme_work *work, struct buf *out)
{
	pthread_mutex_lock(&work->lock);
	for (size_t i = 0; i < work->count; i++) {
		const struct acme_state *state = work->states[i];
		const char *what = state->working || state->asked || state->forced ? "working" : state->failures > 0 ? "failed" : state->left ? "left" : "waiting";
		int64_t next = state->failures > 0 ? state->retry_at : state->renew_at;
		if (state->present)
			buf_printf(out, "certificate\t%s\t%s\t%lld\t%u\t%s\n", state->id, what, (long long)next, state->failures, state->why);
	}
	pthread_mutex_unlock(&work->lock);
}
