/* check_host() (RFC 7208 §4): finds the record of a domain, sees that all of it is sound, and evaluates it term by term. Straight-line code:
 * where the table has no answer yet, everything up to the caller returns "pending", and is gone through again later.
 *
 * All limits are of the whole check, however records include one another: ten terms that ask the DNS, so nesting is bounded, too; two questions
 * of theirs that find nothing; ten hosts of an mx and ten names of a ptr. What a client's own network says of it (ptr, %{p}) isn't counted
 * among the questions that find nothing: the domain couldn't help it. */
#include "spf/spf.h"

#include <string.h>

#include "base/array.h"
#include "message/address.h"
#include "spf/internal.h"

enum { REASON_TERM_MAX = 200 };
enum match { MATCH_NO, MATCH_YES, MATCH_PENDING, MATCH_TEMPERROR, MATCH_PERMERROR };

struct check {
	const struct spf_query *query;
	struct lookup *table;
	struct arena *arena;
	struct spf_verdict *verdict;
	struct slice local, sender_domain, client;
	int terms, voids;
	size_t step_room;
	struct slice reason; /* of the last thing that was found out */
};

static enum spf_result check_host(struct check *check, struct slice domain, unsigned depth);

const char *spf_result_name(enum spf_result result)
{
	static const char *const names[] = {"pending", "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"};
	return names[result];
}

/* ---- Telling what was done ---- */

static void say(struct check *check, unsigned depth, struct slice domain, struct slice term, struct slice said)
{
	struct spf_verdict *verdict = check->verdict;
	check->reason = said;
	if (verdict->step_count == SPF_STEPS_MAX)
		return;
	ARENA_GROW(check->arena, verdict->steps, verdict->step_count, check->step_room);
	verdict->steps[verdict->step_count++] = (struct spf_step){.depth = depth, .domain = domain, .term = term, .said = said};
}

/* For a term that can't be evaluated: the reason is about it. */
static enum match refuse(struct check *check, enum match match, struct slice why)
{
	check->reason = why;
	return match;
}

/* ---- Asking ---- */

/* An answer for a term of the domain's; counts if it finds nothing (RFC 7208 §4.6.4). MATCH_YES: it has records. */
static enum match ask(struct check *check, enum lookup_type type, struct slice name, const struct lookup_answer **answer)
{
	*answer = lookup_get(check->table, type, name);
	if ((*answer)->status == LOOKUP_WANTED)
		return MATCH_PENDING;
	if ((*answer)->status == LOOKUP_FOUND)
		return MATCH_YES;
	if ((*answer)->status == LOOKUP_FAILED)
		return refuse(check, MATCH_TEMPERROR, arena_printf(check->arena, "the DNS has no answer about %s of %.*s", lookup_type_name(type), SLICE_ARG(name)));
	if (!lookup_name_is_askable(name))
		return refuse(check, MATCH_NO, arena_printf(check->arena, "\"%.*s\" can't be a name", SLICE_ARG(name)));
	if (++check->voids > SPF_VOIDS_MAX)
		return refuse(check, MATCH_PERMERROR, arena_printf(check->arena, "more than %d questions find nothing", SPF_VOIDS_MAX));
	return refuse(check, MATCH_NO, arena_printf(check->arena, "%.*s has no %s", SLICE_ARG(name), lookup_type_name(type)));
}

static enum lookup_type address_type(const struct check *check)
{
	return check->client.len == 4 ? LOOKUP_A : LOOKUP_AAAA;
}

/* Do the first `prefix` bits agree? */
static bool same_network(const char *a, const char *b, unsigned prefix)
{
	unsigned bytes = prefix / 8, bits = prefix % 8;
	unsigned char differ = bits ? (unsigned char)((unsigned char)a[bytes] ^ (unsigned char)b[bytes]) : 0;
	return memcmp(a, b, bytes) == 0 && differ >> (8 - bits) == 0;
}

static bool has_client(const struct check *check, const struct lookup_answer *answer, const struct spf_term *term)
{
	unsigned prefix = check->client.len == 4 ? term->prefix4 : term->prefix6;
	for (size_t i = 0; i < answer->count; i++)
		if (answer->records[i].data.len == check->client.len && same_network(answer->records[i].data.at, check->client.at, prefix))
			return true;
	return false;
}

static bool is_under(struct slice name, struct slice domain)
{
	if (domain.len > 0 && domain.at[domain.len - 1] == '.')
		domain.len--;
	bool dot = name.len > domain.len && name.at[name.len - domain.len - 1] == '.';
	return slice_ends_nocase(name, domain) && (name.len == domain.len || dot);
}

/* ---- Names of the client: ptr and %{p} (RFC 7208 §5.5) ---- */

static const struct spf_term whole_address = {.prefix4 = 32, .prefix6 = 128};

/* Is the client one of the addresses of a name that it has given itself? A failure is a no. */
static enum match is_verified(struct check *check, struct slice name)
{
	const struct lookup_answer *answer = lookup_get(check->table, address_type(check), name);
	if (answer->status == LOOKUP_WANTED)
		return MATCH_PENDING;
	return answer->status == LOOKUP_FOUND && has_client(check, answer, &whole_address) ? MATCH_YES : MATCH_NO;
}

/* The first verified name that is `domain` or under it; with `equal`, that is `domain`. With an empty domain: any. */
static enum match find_name(struct check *check, struct slice domain, bool equal, struct slice *found)
{
	const struct lookup_answer *names = lookup_get(check->table, LOOKUP_PTR, lookup_reverse_name(check->client, check->arena));
	enum match result = names->status == LOOKUP_WANTED ? MATCH_PENDING : MATCH_NO;
	for (size_t i = 0; i < names->count && i < SPF_HOSTS_MAX && result != MATCH_YES; i++) {
		struct slice name = names->records[i].data;
		if (equal ? !slice_equal_nocase(name, domain) : domain.len > 0 && !is_under(name, domain))
			continue;
		enum match verified = is_verified(check, name);
		*found = name;
		result = verified == MATCH_NO ? result : verified;
	}
	return result;
}

/* %{p}: the domain itself, else a name under it, else any; "unknown" if there is none (RFC 7208 §7.3). False: pending. */
static bool name_of_client(struct check *check, struct slice domain, struct slice *name)
{
	enum match match = find_name(check, domain, true, name);
	if (match == MATCH_NO)
		match = find_name(check, domain, false, name);
	if (match == MATCH_NO)
		match = find_name(check, slice_sub(domain, 0, 0), false, name);
	if (match == MATCH_NO)
		*name = SLICE("unknown");
	return match != MATCH_PENDING;
}

/* ---- Macros ---- */

/* What macros stand for in `text`, which is of the record of `domain`. MATCH_YES: it can be expanded. */
static enum match values_for(struct check *check, struct slice text, struct slice domain, struct spf_values *values)
{
	*values = (struct spf_values){.local = check->local, .sender_domain = check->sender_domain, .domain = domain, .helo = check->query->helo,
		.receiver = check->query->receiver, .client = check->client, .now = check->query->now};
	/* No name of the DNS is meant by a local part that isn't ASCII (RFC 8616 §4). */
	if (spf_macro_needs_local(text) && !slice_is_ascii(check->local))
		return refuse(check, MATCH_NO, SLICE("the local part isn't ASCII, and can't be part of a name"));
	return spf_macro_needs_name(text) && !name_of_client(check, domain, &values->name) ? MATCH_PENDING : MATCH_YES;
}

/* The name that a term is about: its domain-spec expanded, or without one the domain whose record it is of. */
static enum match name_of_term(struct check *check, const struct spf_term *term, struct slice domain, struct slice *name)
{
	struct spf_values values;
	*name = domain;
	if (term->domain.len == 0)
		return MATCH_YES;
	enum match match = values_for(check, term->domain, domain, &values);
	if (match == MATCH_YES)
		*name = spf_macro_expand_domain(term->domain, &values, check->arena);
	return match;
}

/* ---- Mechanisms (RFC 7208 §5) ---- */

typedef enum match (*mechanism)(struct check *check, const struct spf_term *term, struct slice name, unsigned depth);

static enum match match_all(struct check *check, const struct spf_term *term, struct slice name, unsigned depth)
{
	(void)check, (void)term, (void)name, (void)depth;
	return MATCH_YES;
}

static enum match match_ip(struct check *check, const struct spf_term *term, struct slice name, unsigned depth)
{
	(void)name, (void)depth;
	bool four = term->kind == SPF_IP4, same_kind = four == (check->client.len == 4);
	return same_kind && same_network((const char *)term->network, check->client.at, four ? term->prefix4 : term->prefix6) ? MATCH_YES : MATCH_NO;
}

static enum match match_a(struct check *check, const struct spf_term *term, struct slice name, unsigned depth)
{
	(void)depth;
	const struct lookup_answer *answer;
	enum match match = ask(check, address_type(check), name, &answer);
	return match == MATCH_YES && !has_client(check, answer, term) ? MATCH_NO : match;
}

/* All hosts are asked for before one is looked at. */
static enum match match_mx(struct check *check, const struct spf_term *term, struct slice name, unsigned depth)
{
	const struct lookup_answer *answer;
	enum match match = ask(check, LOOKUP_MX, name, &answer);
	if (match != MATCH_YES)
		return match;
	if (answer->count > SPF_HOSTS_MAX)
		return refuse(check, MATCH_PERMERROR, arena_printf(check->arena, "%.*s has more than %d MX records", SLICE_ARG(name), SPF_HOSTS_MAX));
	match = MATCH_NO;
	for (size_t i = 0; i < answer->count; i++)
		if (lookup_get(check->table, address_type(check), answer->records[i].data)->status == LOOKUP_WANTED)
			match = MATCH_PENDING;
	for (size_t i = 0; i < answer->count && match == MATCH_NO; i++)
		if (answer->records[i].data.len > 0) /* a null MX has no host (RFC 7505) */
			match = match_a(check, term, answer->records[i].data, depth);
	return match;
}

static enum match match_ptr(struct check *check, const struct spf_term *term, struct slice name, unsigned depth)
{
	(void)term, (void)depth;
	struct slice found;
	return name.len > 0 ? find_name(check, name, false, &found) : MATCH_NO;
}

/* Always A, whatever the client's address is (RFC 7208 §5.7). */
static enum match match_exists(struct check *check, const struct spf_term *term, struct slice name, unsigned depth)
{
	(void)term, (void)depth;
	const struct lookup_answer *answer;
	return ask(check, LOOKUP_A, name, &answer);
}

static enum match match_include(struct check *check, const struct spf_term *term, struct slice name, unsigned depth)
{
	static const enum match matches[] = {[SPF_PENDING] = MATCH_PENDING, [SPF_NONE] = MATCH_PERMERROR, [SPF_NEUTRAL] = MATCH_NO, [SPF_PASS] = MATCH_YES,
		[SPF_FAIL] = MATCH_NO, [SPF_SOFTFAIL] = MATCH_NO, [SPF_TEMPERROR] = MATCH_TEMPERROR, [SPF_PERMERROR] = MATCH_PERMERROR};
	(void)term;
	enum spf_result result = check_host(check, name, depth + 1);
	if (matches[result] == MATCH_NO)
		check->reason = arena_printf(check->arena, "doesn't match: it says %s", spf_result_name(result));
	return matches[result];
}

static const struct {
	mechanism match;
	bool asks; /* the DNS: it counts */
} mechanisms[] = {
	[SPF_ALL] = {match_all, false}, [SPF_INCLUDE] = {match_include, true}, [SPF_A] = {match_a, true},     [SPF_MX] = {match_mx, true},
	[SPF_PTR] = {match_ptr, true},  [SPF_IP4] = {match_ip, false},         [SPF_IP6] = {match_ip, false}, [SPF_EXISTS] = {match_exists, true},
};

/* Counts a term that asks the DNS. */
static enum match count_term(struct check *check)
{
	if (++check->terms <= SPF_TERMS_MAX)
		return MATCH_YES;
	return refuse(check, MATCH_PERMERROR, arena_printf(check->arena, "more than %d terms ask the DNS", SPF_TERMS_MAX));
}

static enum match evaluate(struct check *check, const struct spf_term *term, struct slice domain, unsigned depth)
{
	struct slice name;
	check->reason = SLICE("doesn't match");
	enum match match = mechanisms[term->kind].asks ? count_term(check) : MATCH_YES;
	if (match == MATCH_YES)
		match = name_of_term(check, term, domain, &name);
	if (match == MATCH_YES)
		match = mechanisms[term->kind].match(check, term, name, depth);
	if (match == MATCH_YES)
		check->reason = SLICE("matches");
	if (match != MATCH_PENDING)
		say(check, depth, domain, term->text, check->reason);
	return match;
}

/* ---- A record (RFC 7208 §4.6) ---- */

struct record {
	struct slice terms;
	struct spf_term redirect, exp; /* with an empty text: there is none */
};

/* Goes through the whole record before anything of it is evaluated: an error anywhere in it is one. */
static bool read_record(struct check *check, struct slice terms, struct slice domain, unsigned depth, struct record *record)
{
	struct spf_term term;
	bool broken = terms.len > SPF_RECORD_MAX, twice = false;
	*record = (struct record){.terms = terms};
	if (broken)
		say(check, depth, domain, slice_sub(terms, 0, 0), SLICE("the record is too long"));
	while (!broken && !twice && spf_record_next(&terms, &term, &broken)) {
		struct spf_term *kept = term.kind == SPF_REDIRECT ? &record->redirect : &record->exp;
		if (term.kind != SPF_REDIRECT && term.kind != SPF_EXP)
			continue;
		twice = kept->text.len > 0;
		*kept = term;
	}
	if ((broken && record->terms.len <= SPF_RECORD_MAX) || twice)
		say(check, depth, domain, term.text, twice ? SLICE("stands there twice") : SLICE("isn't a mechanism or modifier of SPF"));
	return !broken && !twice;
}

static enum spf_result result_of(enum match match, char qualifier)
{
	static const enum spf_result others[] = {[MATCH_PENDING] = SPF_PENDING, [MATCH_TEMPERROR] = SPF_TEMPERROR, [MATCH_PERMERROR] = SPF_PERMERROR};
	if (match != MATCH_YES)
		return others[match];
	return qualifier == '+' ? SPF_PASS : qualifier == '-' ? SPF_FAIL : qualifier == '~' ? SPF_SOFTFAIL : SPF_NEUTRAL;
}

/* What the domain wants to be told about a failure. Whatever goes wrong here, there is no explanation (RFC 7208 §6.2). False: pending. */
static bool explain(struct check *check, const struct spf_term *exp, struct slice domain)
{
	struct spf_values values;
	struct slice name;
	if (exp->text.len == 0)
		return true;
	enum match match = name_of_term(check, exp, domain, &name);
	if (match != MATCH_YES)
		return match != MATCH_PENDING;
	const struct lookup_answer *answer = lookup_get(check->table, LOOKUP_TXT, name);
	if (answer->status != LOOKUP_FOUND || answer->count != 1)
		return answer->status != LOOKUP_WANTED;
	struct slice text = slice_sub(answer->records[0].data, 0, SPF_RECORD_MAX);
	if (!spf_macro_is_string(text, true))
		return true;
	match = values_for(check, text, domain, &values);
	if (match == MATCH_YES)
		check->verdict->explanation = spf_macro_expand_text(text, &values, check->arena);
	return match != MATCH_PENDING;
}

/* No mechanism has matched: another record speaks for this one (RFC 7208 §6.1). */
static enum spf_result follow(struct check *check, const struct spf_term *redirect, struct slice domain, unsigned depth)
{
	struct slice name;
	enum match match = count_term(check);
	if (match == MATCH_YES)
		match = name_of_term(check, redirect, domain, &name);
	if (match == MATCH_PENDING)
		return SPF_PENDING;
	if (match != MATCH_YES) {
		say(check, depth, domain, redirect->text, check->reason);
		return SPF_PERMERROR;
	}
	say(check, depth, domain, redirect->text, SLICE("is followed"));
	enum spf_result result = check_host(check, name, depth);
	return result == SPF_NONE ? SPF_PERMERROR : result;
}

static enum spf_result conclude(struct check *check, const struct spf_term *term, enum match match, const struct record *record, struct slice domain, unsigned depth)
{
	enum spf_result result = result_of(match, term->qualifier);
	if (depth > 0 || result == SPF_PENDING)
		return result;
	check->verdict->mechanism = term->text;
	return result == SPF_FAIL && !explain(check, &record->exp, domain) ? SPF_PENDING : result;
}

static enum spf_result evaluate_record(struct check *check, struct slice terms, struct slice domain, unsigned depth)
{
	struct record record;
	struct spf_term term;
	bool broken;
	if (!read_record(check, terms, domain, depth, &record))
		return SPF_PERMERROR;
	while (spf_record_next(&record.terms, &term, &broken)) {
		enum match match = term.kind >= SPF_REDIRECT ? MATCH_NO : evaluate(check, &term, domain, depth);
		if (match != MATCH_NO)
			return conclude(check, &term, match, &record, domain, depth);
	}
	if (record.redirect.text.len > 0)
		return follow(check, &record.redirect, domain, depth);
	say(check, depth, domain, slice_sub(domain, 0, 0), SLICE("no mechanism matches"));
	return SPF_NEUTRAL;
}

/* The record of a domain among its texts (RFC 7208 §4.5). */
static enum spf_result find_record(struct check *check, struct slice domain, unsigned depth, struct slice *terms)
{
	struct slice found = slice_make(NULL, 0), rest;
	size_t count = 0;
	const struct lookup_answer *answer = lookup_get(check->table, LOOKUP_TXT, domain);
	if (answer->status == LOOKUP_WANTED)
		return SPF_PENDING;
	for (size_t i = 0; i < answer->count; i++)
		if (spf_record_is(answer->records[i].data, &rest)) {
			found = answer->records[i].data;
			*terms = rest;
			count++;
		}
	say(check, depth, domain, found, answer->status == LOOKUP_FAILED ? SLICE("the DNS has no answer") : count == 0 ? SLICE("has no SPF record") :
		count > 1 ? SLICE("has more than one SPF record") : SLICE("is the record"));
	return answer->status == LOOKUP_FAILED ? SPF_TEMPERROR : count == 0 ? SPF_NONE : count > 1 ? SPF_PERMERROR : SPF_PASS;
}

/* `depth`: how many records include this one. */
static enum spf_result check_host(struct check *check, struct slice domain, unsigned depth)
{
	struct slice terms;
	enum spf_result found = find_record(check, domain, depth, &terms);
	return found == SPF_PASS ? evaluate_record(check, terms, domain, depth) : found;
}

/* ---- The identity (RFC 7208 §4.3) ---- */

/* Can the domain have a record: a name of several labels, and no address? */
static bool is_domain(struct slice domain)
{
	for (size_t i = 0; i < domain.len; i++)
		if (domain.at[i] <= ' ' || domain.at[i] >= 0x7f)
			return false;
	return lookup_name_is_askable(domain) && domain.at[0] != '[' && slice_find_char(domain, '.') < domain.len - 1;
}

static struct slice to_ascii(struct slice domain, struct arena *arena)
{
	if (domain.len > 0 && domain.at[domain.len - 1] == '.')
		domain.len--;
	return slice_is_ascii(domain) ? domain : domain_to_ascii(domain, arena);
}

static void set_identity(struct check *check, const struct spf_query *query)
{
	static const char mapped[12] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";
	size_t at = slice_find_last_char(query->sender, '@');
	check->local = at == SLICE_NONE ? slice_sub(query->sender, 0, 0) : slice_sub(query->sender, 0, at);
	if (check->local.len == 0)
		check->local = SLICE("postmaster");
	check->sender_domain = to_ascii(query->sender.len == 0 ? query->helo : at == SLICE_NONE ? query->sender : slice_skip(query->sender, at + 1), check->arena);
	check->client = query->client;
	if (query->client.len == 16 && memcmp(query->client.at, mapped, sizeof mapped) == 0)
		check->client = slice_skip(query->client, sizeof mapped);
}

/* The words about the last step, whose domain and term may hold any byte: for people, what isn't printable becomes '?'. */
static struct slice reason_of(const struct check *check, const struct spf_verdict *verdict)
{
	struct slice term = verdict->mechanism, domain = verdict->domain;
	if (term.len == 0 && verdict->step_count > 0) {
		domain = verdict->steps[verdict->step_count - 1].domain;
		term = slice_sub(verdict->steps[verdict->step_count - 1].term, 0, verdict->result == SPF_PERMERROR ? REASON_TERM_MAX : 0);
	}
	const char *open = term.len > 0 ? " \"" : "", *close = term.len > 0 ? "\"" : "";
	struct slice text = arena_printf(check->arena, "%.*s:%s%.*s%s %.*s", SLICE_ARG(domain), open, SLICE_ARG(term), close, SLICE_ARG(check->reason));
	char *clean = arena_text(check->arena, text);
	for (size_t i = 0; i < text.len; i++)
		clean[i] = text.at[i] >= ' ' && text.at[i] < 0x7f ? text.at[i] : '?';
	return slice_make(clean, text.len);
}

enum spf_result spf_check(const struct spf_query *query, struct lookup *table, struct arena *arena, struct spf_verdict *verdict)
{
	struct check check = {.query = query, .table = table, .arena = arena, .verdict = verdict};
	*verdict = (struct spf_verdict){.result = SPF_NONE};
	set_identity(&check, query);
	verdict->domain = check.sender_domain;
	if (!is_domain(check.sender_domain)) {
		verdict->reason = arena_printf(arena, "\"%.*s\" is no domain that could have an SPF record", SLICE_ARG(check.sender_domain));
		return SPF_NONE;
	}
	verdict->result = check_host(&check, check.sender_domain, 0);
	verdict->reason = verdict->result == SPF_PENDING ? SLICE("") : reason_of(&check, verdict);
	return verdict->result;
}
