/* Which of the names that a certificate may have lead here, so that an authority can see that they are ours. */
#include <netinet/in.h>

#include "acme/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "net/dns.h"

struct addresses {
	struct sockaddr_storage *at;
	size_t count;
};

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

static bool holds(const struct addresses *list, const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < list->count; i++)
		if (same_address(&list->at[i], address))
			return true;
	return false;
}

static bool look_up(struct acme_work *work, struct slice name, struct addresses *out, struct error *error)
{
	struct error cause = {0};
	struct dns *dns = work->options.dns(work->options.context, error);
	if (!dns)
		return false;
	enum dns_status status = dns_addresses(dns, name, work->arena, &out->at, &out->count, NULL, &cause);
	if (status == DNS_FOUND)
		return true;
	if (status == DNS_TEMPORARY)
		return error_set(error, cause.kind, "%s", cause.text);
	return error_set(error, ERROR_NOT_FOUND, "the DNS has no address of it");
}

/* Where the server's own name leads is here; whoever looks from outside may get there by any of a name's addresses. */
static bool leads_here(struct acme_work *work, struct slice name, const struct addresses *here, struct error *error)
{
	struct addresses there;
	unsigned char bytes[16];
	size_t size;
	if (acme_is_address(name, bytes, &size))
		return true;
	if (slice_equal_nocase(name, slice_of(config_current()->hostname)))
		return here->count > 0 || error_set(error, ERROR_NOT_FOUND, "the DNS has no address of it");
	if (!look_up(work, name, &there, error))
		return false;
	for (size_t i = 0; i < there.count; i++)
		if (!holds(here, &there.at[i]))
			return error_set(error, ERROR_INVALID, "it leads elsewhere than %s", config_current()->hostname);
	return true;
}

/* A wildcard is proved in the DNS only (RFC 8555 §8.3, RFC 8737 §3). */
static bool can_be_proved(struct acme_work *work, struct slice name, const struct addresses *here, const struct acme_kind_list *kinds, struct error *error)
{
	if (slice_starts(name, SLICE("*.")))
		return acme_kinds_have_dns(kinds) || error_set(error, ERROR_INVALID, "a wildcard needs dns-01 (acme_challenge)");
	return acme_kinds_are_dns(kinds) || leads_here(work, name, here, error);
}

/* All names, to see whether they are others than before. */
static char *join_names(const struct acme_set *set)
{
	struct buf text = BUF(ACME_SETS_TEXT_MAX);
	acme_list_names(set->names, set->count, &text);
	char *copy = memory_copy(text.at ? text.at : "", text.len);
	buf_free(&text);
	return copy;
}

static void leave_out(struct acme_state *state, struct slice name, const char *why, struct buf *left)
{
	buf_printf(left, "%.*s: %s\n", SLICE_ARG(name), why);
	if (!state->left_out || slice_find(slice_of(state->left_out), buf_slice(left)) != 0) /* else it was said before */
		log_info("certificate.name_left_out", log_text("certificate", state->id), log_slice("name", name), log_text("reason", why));
}

/* The first of those that were left out is shown while nothing failed. */
static void note_left_out(struct acme_work *work, struct acme_state *state, const struct buf *left)
{
	struct slice first, rest;
	char text[ACME_WHY_MAX];
	free(state->left_out);
	state->left_out = memory_copy(left->at ? left->at : "", left->len);
	slice_cut(buf_slice(left), '\n', &first, &rest);
	snprintf(text, sizeof text, "%s%.*s", first.len > 0 ? "left out: " : "", SLICE_ARG(first));
	if (state->failures == 0)
		acme_state_set_why(work, state, text);
	pthread_mutex_lock(&work->lock);
	state->left = state->count == 0;
	pthread_mutex_unlock(&work->lock);
}

static void look_at_names(struct acme_work *work, struct acme_state *state, const struct acme_set *set, const struct acme_kind_list *kinds)
{
	struct addresses here = {0};
	struct buf left = BUF(ACME_SETS_TEXT_MAX);
	struct error error = {0};
	bool soon = false;
	if (!acme_kinds_are_dns(kinds) && !look_up(work, slice_of(config_current()->hostname), &here, &error))
		log_warning("certificate.hostname_unknown", log_text("hostname", config_current()->hostname), log_text("reason", error.text));
	arena_reset(state->memory);
	state->names = arena_array(state->memory, ACME_NAMES_MAX, sizeof *state->names);
	state->count = 0;
	for (size_t i = 0; i < set->count; i++)
		if (state->count == ACME_NAMES_MAX)
			leave_out(state, set->names[i], "a certificate has room for so many names only", &left);
		else if (can_be_proved(work, set->names[i], &here, kinds, &error))
			state->names[state->count++] = arena_copy(state->memory, set->names[i]);
		else {
			soon |= error.kind == ERROR_TEMPORARY;
			leave_out(state, set->names[i], error.text, &left);
		}
	state->look_at = clock_now() + (soon ? ACME_ROUND_SECONDS : ACME_LOOK_SECONDS);
	note_left_out(work, state, &left);
	buf_free(&left);
}

/* Anew when the names are others, and now and then. */
void acme_names_follow(struct acme_work *work, struct acme_state *state, const struct acme_set *set, const struct acme_kind_list *kinds)
{
	char *now = join_names(set);
	if (state->candidates && strcmp(now, state->candidates) == 0 && clock_now() < state->look_at && !state->forced) {
		free(now);
		return;
	}
	free(state->candidates);
	state->candidates = now;
	look_at_names(work, state, set, kinds);
}
