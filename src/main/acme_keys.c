/* See acme_keys.h. Every name that is asked about must be one that `sets` lists, so that who has taken over the acme role gets no certificate for others'. */
#include "main/acme_keys.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "acme/sets.h"
#include "acme/work.h"
#include "auth/directory.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "dnsupdate/dnsupdate.h"
#include "main/apart.h"
#include "main/certificates.h"
#include "message/address.h"

enum { STATE_MAX = ACME_NOTE_MAX };

/* ---- Which names ---- */

struct plan {
	const struct acme_keys_question *question;
	struct arena *arena;
	struct slice *files;          /* of the certificates that are configured */
	struct acme_certificate *own; /* … what they say: their names aren't asked for */
	size_t own_count;
	struct slice *domains;        /* A-labels */
	size_t domain_count;
	struct acme_set *sets;
	struct slice *present;        /* the file of each set's certificate; empty: none */
	size_t count;
};

static struct slice read_whole(struct plan *plan, const char *path, bool regular)
{
	struct buf pem = BUF_SECRET(CERTIFICATE_FILE_MAX);
	struct error error;
	bool read = regular ? file_read_regular(path, &pem, &error) : file_read(path, &pem, &error);
	struct slice copy = read ? arena_copy(plan->arena, buf_slice(&pem)) : SLICE("");
	buf_free(&pem);
	return copy;
}

/* As root, where we are: keys and certificates of others' making may be readable for it alone. */
static void read_files(struct plan *plan)
{
	const struct config_string_list *list = &config_current()->certificates;
	plan->files = arena_array(plan->arena, list->count + 1, sizeof *plan->files);
	privileges_return();
	for (size_t i = 0; i < list->count; i++) {
		struct slice chain, key;
		slice_cut(slice_of(list->at[i]), ' ', &chain, &key);
		plan->files[i] = read_whole(plan, arena_text(plan->arena, chain), true);
	}
	privileges_borrow(plan->question->owner);
}

static void parse_files(struct plan *plan)
{
	const struct config_string_list *list = &config_current()->certificates;
	struct error error;
	plan->own = arena_array(plan->arena, list->count + 1, sizeof *plan->own);
	for (size_t i = 0; i < list->count; i++) {
		struct acme_certificate *next = &plan->own[plan->own_count];
		plan->own_count += acme_certificate_read(plan->files[i], plan->arena, next, &error) && !next->self_signed;
	}
}

static bool is_had(const struct plan *plan, struct slice name)
{
	for (size_t i = 0; i < plan->own_count; i++)
		if (acme_certificate_has(&plan->own[i], name))
			return true;
	return plan->count > 0 && acme_set_allows(&plan->sets[0], name);
}

static void add_name(struct plan *plan, struct acme_set *set, struct slice name, size_t room)
{
	if (set->count < room && acme_is_name(name) && !is_had(plan, name) && !acme_set_allows(set, name))
		set->names[set->count++] = name;
}

static void add_labels(struct plan *plan, struct acme_set *set, struct slice domain, size_t room)
{
	const struct config_string_list *labels = &config_current()->acme_labels;
	for (size_t i = 0; i < labels->count; i++)
		add_name(plan, set, arena_printf(plan->arena, "%s.%.*s", labels->at[i], SLICE_ARG(domain)), room);
}

static struct slice path_of(const struct plan *plan, struct slice id, const char *ending)
{
	return arena_printf(plan->arena, ACME_FOLDER "/%.*s%s", SLICE_ARG(id), ending);
}

/* A set without names is none. */
static struct acme_set *begin_set(struct plan *plan, struct slice id, size_t room)
{
	struct acme_set *set = &plan->sets[plan->count];
	*set = (struct acme_set){.id = id, .names = arena_array(plan->arena, room, sizeof *set->names)};
	return set;
}

static void end_set(struct plan *plan, const struct acme_set *set)
{
	plan->count += set->count > 0;
}

static struct slice lower(struct plan *plan, struct slice text)
{
	struct slice copy = arena_copy(plan->arena, text);
	for (size_t i = 0; i < copy.len; i++)
		((char *)(uintptr_t)copy.at)[i] = ascii_lower(copy.at[i]);
	return copy;
}

/* The server's own, with what is configured; and with those of a domain of the same name. */
static void plan_hostname(struct plan *plan)
{
	const struct config *config = config_current();
	size_t room = config->acme_names.count + config->acme_labels.count + 1;
	struct acme_set *set = begin_set(plan, lower(plan, slice_of(config->hostname)), room);
	add_name(plan, set, set->id, room);
	for (size_t i = 0; i < config->acme_names.count; i++)
		add_name(plan, set, lower(plan, slice_of(config->acme_names.at[i])), room);
	end_set(plan, set);
}

static void plan_domain(struct plan *plan, struct slice domain)
{
	size_t room = config_current()->acme_labels.count;
	if (!acme_is_name(domain))
		return;
	if (plan->count > 0 && slice_equal(plan->sets[0].id, domain)) {
		add_labels(plan, &plan->sets[0], domain, config_current()->acme_names.count + room + 1);
		return;
	}
	struct acme_set *set = begin_set(plan, domain, room + 1);
	add_labels(plan, set, domain, room);
	end_set(plan, set);
}

/* Every file that is needed; before this process is confined, and parses them. */
static bool read_all(struct plan *plan, struct error *error)
{
	struct auth_domain_entry *domains;
	struct directory *directory = directory_open(plan->question->data, error);
	bool done = directory && directory_list_domains(directory, plan->arena, &domains, &plan->domain_count, error);
	if (directory)
		directory_close(&directory);
	if (!done)
		return false;
	plan->domain_count = plan->domain_count < ACME_SETS_MAX - 1 ? plan->domain_count : ACME_SETS_MAX - 1;
	plan->domains = arena_array(plan->arena, plan->domain_count + 1, sizeof *plan->domains);
	plan->present = arena_array(plan->arena, plan->domain_count + 1, sizeof *plan->present);
	for (size_t i = 0; i < plan->domain_count; i++) {
		plan->domains[i] = domain_to_ascii(domains[i].name, plan->arena);
		if (acme_is_name(plan->domains[i])) /* it becomes a file's name */
			plan->present[i + 1] = read_whole(plan, path_of(plan, plan->domains[i], ".pem").at, false);
	}
	plan->present[0] = read_whole(plan, path_of(plan, lower(plan, slice_of(config_current()->hostname)), ".pem").at, false);
	read_files(plan);
	return true;
}

/* What the present certificates say. */
static void parse_present(struct plan *plan)
{
	struct error error;
	for (size_t i = 0; i < plan->count; i++) {
		struct acme_set *set = &plan->sets[i];
		struct slice pem = plan->present[0];
		for (size_t k = 0; k < plan->domain_count; k++)
			if (slice_equal(plan->domains[k], set->id) && !slice_equal_nocase(set->id, slice_of(config_current()->hostname)))
				pem = plan->present[k + 1];
		set->has_certificate = pem.len > 0 && acme_certificate_read(pem, plan->arena, &set->certificate, &error);
	}
}

/* In a process of its own: certificates are others' work. */
static bool list_sets(void *context, struct buf *out, struct error *error)
{
	struct plan *plan = context;
	if (!read_all(plan, error) || !apart_confine(error))
		return false;
	parse_files(plan);
	plan->sets = arena_array(plan->arena, plan->domain_count + 1, sizeof *plan->sets);
	plan_hostname(plan);
	for (size_t i = 0; i < plan->domain_count; i++)
		plan_domain(plan, plan->domains[i]);
	parse_present(plan);
	for (size_t i = 0; i < plan->count; i++)
		acme_set_write(&plan->sets[i], out);
	return true;
}

static bool make_plan(struct plan *plan, struct error *error)
{
	struct buf text = BUF(ACME_SETS_TEXT_MAX);
	bool done = apart_run(list_sets, plan, &text, error) &&
		    (acme_sets_read(buf_slice(&text), plan->arena, &plan->sets, &plan->count) || error_set(error, ERROR_INVALID, "the names of this server can't be listed"));
	buf_free(&text);
	return done;
}

static const struct acme_set *find_set(const struct plan *plan, struct slice id)
{
	for (size_t i = 0; i < plan->count; i++)
		if (slice_equal(plan->sets[i].id, id))
			return &plan->sets[i];
	return NULL;
}

static bool find_names(struct plan *plan, struct slice id, struct slice **names, size_t *count, struct slice *rest, struct error *error)
{
	if (!make_plan(plan, error))
		return false;
	const struct acme_set *set = find_set(plan, id);
	if (!set || !acme_names_read(plan->question->payload, plan->arena, names, count, rest))
		return error_set(error, ERROR_INVALID, "the question about a certificate makes no sense");
	for (size_t i = 0; i < *count; i++)
		if (!acme_set_allows(set, (*names)[i]))
			return error_set(error, ERROR_DENIED, "%.*s is no name of this server's", SLICE_ARG((*names)[i]));
	return true;
}

/* ---- Keys ---- */

/* Reads a key, and makes it if there is none. */
static struct evp_pkey_st *have_key(const char *path, struct buf *pem, struct error *error)
{
	struct error unread = {0};
	if (access(path, F_OK) != 0 && errno == ENOENT) {
		if (!file_make_folders(ACME_FOLDER, 0700, error) || !acme_key_make(pem, error) || !file_replace(path, buf_slice(pem), 0600, error))
			return NULL;
	} else if (!file_read(path, pem, &unread)) {
		error_set(error, unread.kind, "%s", unread.text);
		return NULL;
	}
	struct evp_pkey_st *key = acme_key_read(buf_slice(pem), &unread);
	if (!key)
		error_set(error, ERROR_INVALID, "%s is no key of ours: move it away, and another is made", path);
	return key;
}

static struct evp_pkey_st *account_key(struct error *error)
{
	struct buf pem = BUF_SECRET(ACME_KEY_MAX);
	struct evp_pkey_st *key = have_key(ACME_FOLDER "/account.key", &pem, error);
	buf_free(&pem);
	return key;
}

/* The key that the set's present certificate is of; NULL without an error: none. */
static struct evp_pkey_st *present_key(const struct plan *plan, struct slice id)
{
	struct buf pem = BUF_SECRET(CERTIFICATE_FILE_MAX);
	struct error error;
	struct evp_pkey_st *key = file_read(path_of(plan, id, ".pem").at, &pem, &error) ? acme_key_read(buf_slice(&pem), &error) : NULL;
	buf_free(&pem);
	return key;
}

/* ---- The questions ---- */

static bool answer_sets(struct plan *plan, struct buf *out, struct error *error)
{
	return list_sets(plan, out, error);
}

static bool answer_account(struct plan *plan, struct buf *out, struct error *error)
{
	(void)plan;
	struct evp_pkey_st *key = account_key(error);
	bool done = key && acme_key_jwk(key, out, error) && buf_append_char(out, '\n') && acme_key_thumbprint(key, out, error) && buf_append_char(out, '\n');
	acme_key_free(&key);
	return done;
}

static bool read_digest(struct slice text, unsigned char digest[ACME_DIGEST_SIZE])
{
	struct buf plain = BUF(64), bytes = BUF(64);
	for (size_t i = 0; i < text.len; i++)
		buf_append_char(&plain, text.at[i] == '-' ? '+' : text.at[i] == '_' ? '/' : text.at[i]);
	buf_append_char(&plain, '=');
	bool good = acme_is_base64url(text) && base64_decode(buf_slice(&plain), &bytes) && bytes.len == ACME_DIGEST_SIZE;
	if (good)
		memcpy(digest, bytes.at, ACME_DIGEST_SIZE);
	buf_free(&plain);
	buf_free(&bytes);
	return good;
}

static bool answer_sign(struct plan *plan, struct buf *out, struct error *error)
{
	unsigned char digest[ACME_DIGEST_SIZE];
	if (!read_digest(plan->question->arguments, digest))
		return error_set(error, ERROR_INVALID, "what is to be signed is no digest");
	struct evp_pkey_st *key = account_key(error);
	bool done = key && acme_key_sign(key, digest, out, error);
	acme_key_free(&key);
	return done;
}

static bool answer_request(struct plan *plan, struct buf *out, struct error *error)
{
	struct slice id, anew, *names, rest;
	size_t count;
	slice_cut(plan->question->arguments, ' ', &id, &anew);
	if (!find_names(plan, id, &names, &count, &rest, error))
		return false;
	bool keeps = config_current()->acme_keep_key && slice_equal(anew, SLICE("0"));
	struct buf pem = BUF_SECRET(ACME_KEY_MAX);
	struct evp_pkey_st *present = keeps ? present_key(plan, id) : NULL, *key = present ? present : have_key(path_of(plan, id, ".next").at, &pem, error);
	bool done = key && acme_request_make(key, names, count, out, error);
	acme_key_free(&key);
	buf_free(&pem);
	return done;
}

/* Who is asked for by TLS: an address by its reverse name (RFC 8738 §6). */
static struct slice server_name(struct plan *plan, struct slice name)
{
	unsigned char bytes[16];
	size_t size;
	if (!acme_is_address(name, bytes, &size))
		return name;
	if (size == 4)
		return arena_printf(plan->arena, "%d.%d.%d.%d.in-addr.arpa", bytes[3], bytes[2], bytes[1], bytes[0]);
	struct buf text = BUF(100);
	for (size_t i = size; i-- > 0;)
		buf_printf(&text, "%x.%x.", bytes[i] & 15, bytes[i] >> 4);
	buf_append_text(&text, "ip6.arpa");
	struct slice copy = arena_copy(plan->arena, buf_slice(&text));
	buf_free(&text);
	return copy;
}

static bool prove_by_tls(struct plan *plan, struct slice name, struct slice authorization, struct buf *out, struct error *error)
{
	struct buf chain = BUF(ACME_KEY_MAX), key = BUF_SECRET(ACME_KEY_MAX);
	bool done = acme_alpn_make(name, authorization, &chain, &key, error);
	if (done) {
		buf_printf(out, "%zu %zu %.*s\n", chain.len, key.len, SLICE_ARG(server_name(plan, name)));
		buf_append(out, buf_slice(&chain));
		buf_append(out, buf_slice(&key));
	}
	buf_free(&chain);
	buf_free(&key);
	return done;
}

/* What is published is made here of the token: so it can prove this account's names only. */
static bool answer_prove(struct plan *plan, struct buf *out, struct error *error)
{
	struct slice kind, name, token;
	struct buf print = BUF(100);
	bool sense = slice_cut(plan->question->arguments, ' ', &kind, &name) && slice_cut(name, ' ', &name, &token) && acme_is_base64url(token) &&
		     token.len <= ACME_TOKEN_MAX;
	bool http = slice_equal(kind, SLICE("http-01")), tls = slice_equal(kind, SLICE("tls-alpn-01"));
	if (!sense || (!http && !tls))
		return error_set(error, ERROR_INVALID, "the question about a challenge makes no sense");
	if (!make_plan(plan, error))
		return false;
	bool own = false;
	for (size_t i = 0; i < plan->count; i++)
		own |= acme_set_allows(&plan->sets[i], name);
	if (!own)
		return error_set(error, ERROR_DENIED, "%.*s is no name of this server's", SLICE_ARG(name));
	struct evp_pkey_st *key = account_key(error);
	bool done = key && acme_key_thumbprint(key, &print, error);
	struct slice answer = arena_printf(plan->arena, "%.*s.%.*s", SLICE_ARG(token), SLICE_ARG(buf_slice(&print)));
	if (done && http)
		buf_printf(out, "%.*s %.*s\n", SLICE_ARG(token), SLICE_ARG(answer));
	else if (done)
		done = prove_by_tls(plan, name, answer, out, error);
	acme_key_free(&key);
	buf_free(&print);
	return done;
}

/* Whose DNS is to be changed must be a name of this server's. Who gets the key could change what it lets him: the name server should let it do no more than is
 * needed. */
static bool answer_secret(struct plan *plan, struct buf *out, struct error *error)
{
	struct dns_update_server server;
	bool own = false;
	if (!make_plan(plan, error))
		return false;
	struct slice wildcard = arena_printf(plan->arena, "*.%.*s", SLICE_ARG(plan->question->arguments));
	for (size_t i = 0; i < plan->count; i++)
		own |= acme_set_allows(&plan->sets[i], plan->question->arguments) || acme_set_allows(&plan->sets[i], wildcard);
	if (!own)
		return error_set(error, ERROR_DENIED, "%.*s is no name of this server's", SLICE_ARG(plan->question->arguments));
	return dns_update_server_for(config_current(), plan->question->data, plan->question->arguments, plan->arena, &server, error) && base64_encode(server.secret, out);
}

/* Key and chain in one file, which is replaced whole: the two always fit. */
static bool write_pair(const struct plan *plan, struct slice id, struct slice key_pem, struct slice chain, struct error *error)
{
	struct buf file = BUF_SECRET(ACME_KEY_MAX + ACME_PEM_MAX);
	bool done = (buf_append(&file, key_pem) && buf_append(&file, chain)) || error_set(error, ERROR_LIMIT, "the chain that came is too large");
	done = done && file_replace(path_of(plan, id, ".pem").at, buf_slice(&file), 0600, error);
	buf_free(&file);
	return done;
}

/* The part of a file that is the key. */
static struct slice key_part(struct slice pem)
{
	struct slice end = SLICE("-----END PRIVATE KEY-----\n");
	size_t at = slice_find(pem, end);
	return at == SLICE_NONE ? SLICE("") : slice_sub(pem, 0, at + end.len);
}

struct chain {
	struct slice pem;
	const struct slice *names;
	size_t count;
	unsigned char keys[2][ACME_DIGEST_SIZE]; /* the present, if there is one, and the next */
};

/* In a process of its own. */
static bool check_chain(void *context, struct buf *out, struct error *error)
{
	const struct chain *chain = context;
	size_t which;
	return apart_confine(error) && acme_chain_check(chain->pem, chain->keys, 2, &which, chain->names, chain->count, clock_now(), error) &&
	       buf_append_char(out, which == 0 ? '0' : '1');
}

/* Of which key is it? */
static bool is_of_present(const struct chain *chain, bool *present, struct error *error)
{
	struct buf which = BUF(1);
	bool done = apart_run(check_chain, (void *)(uintptr_t)chain, &which, error);
	*present = done && which.len == 1 && which.at[0] == '0';
	buf_free(&which);
	return done;
}

/* The chain is of the present key, or of the next, which then is the present, and another one is next. */
static bool keep_with(struct plan *plan, struct slice id, struct chain *chain, struct error *error)
{
	struct buf next = BUF_SECRET(ACME_KEY_MAX), fresh = BUF_SECRET(ACME_KEY_MAX);
	const char *next_path = path_of(plan, id, ".next").at;
	struct evp_pkey_st *key = present_key(plan, id), *next_key = have_key(next_path, &next, error);
	bool present = false, done = next_key && acme_key_digest(next_key, chain->keys[1]) && (!key || acme_key_digest(key, chain->keys[0])) &&
				     is_of_present(chain, &present, error);
	struct slice pem = present ? key_part(read_whole(plan, path_of(plan, id, ".pem").at, false)) : buf_slice(&next);
	done = done && write_pair(plan, id, pem, chain->pem, error);
	if (done && !present)
		done = acme_key_make(&fresh, error) && file_replace(next_path, buf_slice(&fresh), 0600, error);
	acme_key_free(&key);
	acme_key_free(&next_key);
	buf_free(&next);
	buf_free(&fresh);
	return done;
}

static bool answer_keep(struct plan *plan, struct buf *out, struct error *error)
{
	struct slice *names;
	struct chain chain = {0};
	(void)out;
	if (!find_names(plan, plan->question->arguments, &names, &chain.count, &chain.pem, error))
		return false;
	chain.names = names;
	return keep_with(plan, plan->question->arguments, &chain, error);
}

static bool answer_note(struct plan *plan, struct buf *out, struct error *error)
{
	(void)out;
	return file_make_folders(ACME_FOLDER, 0700, error) && file_replace(ACME_FOLDER "/state", plan->question->payload, 0600, error);
}

static bool answer_noted(struct plan *plan, struct buf *out, struct error *error)
{
	(void)plan;
	struct buf text = BUF(STATE_MAX);
	bool done = access(ACME_FOLDER "/state", F_OK) != 0 || (file_read(ACME_FOLDER "/state", &text, error) && buf_append(out, buf_slice(&text)));
	buf_free(&text);
	return done;
}

static const struct {
	const char *verb;
	bool (*answer)(struct plan *plan, struct buf *out, struct error *error);
} questions[] = {{"sets", answer_sets}, {"account", answer_account}, {"sign", answer_sign}, {"request", answer_request}, {"prove", answer_prove},
		 {"secret", answer_secret}, {"keep", answer_keep}, {"note", answer_note}, {"noted", answer_noted}};

bool acme_keys_answer(void *context, struct buf *out, struct error *error)
{
	struct plan plan = {.question = context, .arena = arena_new()};
	bool done = false, known = false;
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		if (slice_equal(plan.question->verb, slice_of(questions[i].verb))) {
			known = true;
			done = questions[i].answer(&plan, out, error);
		}
	arena_free_secret(&plan.arena);
	return known ? done : error_set(error, ERROR_INVALID, "the master knows no such question");
}
