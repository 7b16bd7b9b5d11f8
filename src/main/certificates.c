/* Packing: for each certificate a line "<length of chain> <length of key> <name>\n" and then the two files' bytes; the second length is 0 where chain and key are
 * in one file. */
#include "main/certificates.h"

#include <dirent.h>
#include <limits.h>

#include "acme/key.h"
#include "base/array.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "main/apart.h"
#include "net/server.h"

static bool read_file(const char *data, struct slice name, struct buf *out, struct error *error)
{
	char path[PATH_MAX];
	bool absolute = name.len > 0 && name.at[0] == '/';
	int len = absolute ? snprintf(path, sizeof path, "%.*s", SLICE_ARG(name)) : snprintf(path, sizeof path, "%s/%.*s", data, SLICE_ARG(name));
	if (len < 0 || (size_t)len >= sizeof path)
		return error_set(error, ERROR_INVALID, "path too long: %.*s", SLICE_ARG(name));
	return file_read_regular(path, out, error);
}

static bool pack_one(struct slice entry, const char *data, struct buf *out, struct error *error)
{
	struct slice chain_name, key_name;
	slice_cut(entry, ' ', &chain_name, &key_name);
	struct buf chain = BUF(CERTIFICATE_FILE_MAX), key = BUF(CERTIFICATE_FILE_MAX);
	bool done = read_file(data, chain_name, &chain, error) && read_file(data, slice_trim(key_name), &key, error);
	if (done) {
		buf_printf(out, "%zu %zu %.*s\n", chain.len, key.len, SLICE_ARG(chain_name));
		buf_append(out, buf_slice(&chain));
		buf_append(out, buf_slice(&key));
		done = !out->overflow || error_set(error, ERROR_LIMIT, "certificates of more than %d bytes", CERTIFICATES_MAX);
	}
	buf_free(&chain);
	buf_free_secret(&key);
	return done;
}

static bool is_self_signed(const char *entry)
{
	return strcmp(entry, ACME_SELF_SIGNED) == 0;
}

enum { PACK_SELF_SIGNED = 1, PACK_OTHERS = 2 };

static bool pack_configured(const struct config *config, const char *data, unsigned which, struct buf *out, struct error *error)
{
	for (size_t i = 0; i < config->certificates.count; i++) {
		unsigned kind = is_self_signed(config->certificates.at[i]) ? PACK_SELF_SIGNED : PACK_OTHERS;
		if (which & kind && !pack_one(slice_of(config->certificates.at[i]), data, out, error))
			return false;
	}
	return true;
}

/* One that can't be read is left out: the others serve. */
static void pack_own_one(const char *data, const char *name, struct buf *out)
{
	struct buf pem = BUF_SECRET(CERTIFICATE_FILE_MAX);
	struct error error;
	char path[PATH_MAX];
	snprintf(path, sizeof path, ACME_FOLDER "/%s", name);
	if (!read_file(data, slice_of(path), &pem, &error))
		log_error("certificate.unread", log_text("file", path), log_text("reason", error.text));
	else {
		buf_printf(out, "%zu 0 %s\n", pem.len, path);
		buf_append(out, buf_slice(&pem));
	}
	buf_free(&pem);
}

/* The hostname's first: who names no server gets that. */
static bool pack_own(const struct config *config, const char *data, struct buf *out, struct error *error)
{
	char first[NAME_MAX + 1], path[PATH_MAX];
	snprintf(path, sizeof path, "%s/" ACME_FOLDER, data);
	snprintf(first, sizeof first, "%s.pem", config->hostname);
	for (char *at = first; *at; at++)
		*at = ascii_lower(*at);
	DIR *folder = opendir(path);
	for (int others = 0; folder && others < 2; others++) {
		rewinddir(folder);
		for (struct dirent *entry; (entry = readdir(folder));)
			if (slice_ends_nocase(slice_of(entry->d_name), SLICE(".pem")) && (strcmp(entry->d_name, first) != 0) == (others == 1))
				pack_own_one(data, entry->d_name, out);
	}
	if (folder)
		closedir(folder);
	return !out->overflow || error_set(error, ERROR_LIMIT, "certificates of more than %d bytes", CERTIFICATES_MAX);
}

bool certificates_pack(const struct config *config, const char *data, bool own, struct buf *out, struct error *error)
{
	if (!own) /* in the order in which they stand: who names no server gets the first */
		return pack_configured(config, data, PACK_SELF_SIGNED | PACK_OTHERS, out, error);
	return pack_configured(config, data, PACK_OTHERS, out, error) && pack_own(config, data, out, error) && pack_configured(config, data, PACK_SELF_SIGNED, out, error);
}

/* Cuts the next certificate off; *name is the caller's to free. */
static bool unpack_one(struct slice *packed, struct tls_certificate *certificate)
{
	struct slice line, first, second, name;
	uint64_t chain, key;
	if (!slice_cut(*packed, '\n', &line, packed) || !slice_cut(line, ' ', &first, &line) || !slice_cut(line, ' ', &second, &name) ||
	    !slice_to_number(first, packed->len, &chain) || !slice_to_number(second, packed->len - chain, &key))
		return false;
	*certificate = (struct tls_certificate){
		.chain = slice_sub(*packed, 0, (size_t)chain),
		.key = key == 0 ? slice_sub(*packed, 0, (size_t)chain) : slice_sub(*packed, (size_t)chain, (size_t)key),
		.name = memory_copy(name.at, name.len),
	};
	*packed = slice_skip(*packed, (size_t)(chain + key));
	return true;
}

enum use { USE_NEW, USE_REPLACE, USE_CHALLENGES };

/* The list, whose names are to be freed. */
static bool unpack(struct slice packed, struct tls_certificate **list, size_t *count, struct error *error)
{
	size_t room = 0;
	*list = NULL;
	*count = 0;
	while (packed.len > 0) {
		ARRAY_GROW(*list, *count, room);
		if (!unpack_one(&packed, &(*list)[*count]))
			return error_set(error, ERROR_INVALID, "damaged certificates from the master");
		++*count;
	}
	return true;
}

/* USE_NEW: *tls becomes a new one. */
static bool use(struct slice packed, const struct config *config, enum use how, struct tls_server **tls, struct error *error)
{
	struct tls_certificate *list;
	size_t count;
	bool done = unpack(packed, &list, &count, error);
	if (done && how == USE_REPLACE)
		done = tls_server_replace(*tls, list, count, config->tls_minimum, error);
	else if (done && how == USE_CHALLENGES)
		done = tls_server_set_challenges(*tls, list, count, error);
	else if (done) {
		*tls = tls_server_new(list, count, config->tls_minimum, error);
		done = *tls != NULL;
	}
	for (size_t i = 0; i < count; i++)
		free((char *)(uintptr_t)list[i].name);
	free(list);
	return done;
}

struct tls_server *certificates_new_tls(struct slice packed, const struct config *config, struct error *error)
{
	struct tls_server *tls = NULL;
	error->kind = ERROR_NONE;
	if (packed.len > 0)
		use(packed, config, USE_NEW, &tls, error);
	return tls;
}

bool certificates_replace(struct tls_server *tls, struct slice packed, const struct config *config, struct error *error)
{
	return use(packed, config, USE_REPLACE, &tls, error);
}

bool certificates_replace_challenges(struct tls_server *tls, struct slice packed, struct error *error)
{
	return use(packed, NULL, USE_CHALLENGES, &tls, error);
}

/* ---- Trying ---- */

struct trial {
	struct slice packed;
	const struct config *config;
};

/* In a process of its own. */
static bool try_here(void *context, struct buf *out, struct error *error)
{
	const struct trial *trial = context;
	(void)out;
	return apart_confine(error) && certificates_new_tls(trial->packed, trial->config, error) != NULL;
}

bool certificates_try(struct slice packed, const struct config *config, struct error *error)
{
	struct trial trial = {packed, config};
	struct buf nothing = BUF(0);
	struct error why;
	bool done = packed.len == 0 || apart_run(try_here, &trial, &nothing, &why);
	buf_free(&nothing);
	return done || error_set(error, why.kind, "%s%s", why.kind == ERROR_TEMPORARY ? "the certificates can't be tried: " : "", why.text);
}
