/* Packing: for each certificate a line "<length of chain> <length of key> <name>\n" and then the two files' bytes. */
#include "main/certificates.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"
#include "base/memory.h"
#include "net/server.h"

enum { CERTIFICATES_TRY_MS = 10000 };

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

bool certificates_pack(const struct config *config, const char *data, struct buf *out, struct error *error)
{
	for (size_t i = 0; i < config->certificates.count; i++)
		if (!pack_one(slice_of(config->certificates.at[i]), data, out, error))
			return false;
	return true;
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
		.key = slice_sub(*packed, (size_t)chain, (size_t)key),
		.name = memory_copy(name.at, name.len),
	};
	*packed = slice_skip(*packed, (size_t)(chain + key));
	return true;
}

/* With `tls` its certificates are replaced, else *made becomes a new one. */
static bool use(struct slice packed, const struct config *config, struct tls_server *tls, struct tls_server **made, struct error *error)
{
	struct tls_certificate *list = NULL;
	size_t count = 0, room = 0;
	bool done = true;
	while (done && packed.len > 0) {
		ARRAY_GROW(list, count, room);
		done = unpack_one(&packed, &list[count]) || error_set(error, ERROR_INVALID, "damaged certificates from the master");
		count += done;
	}
	if (done && tls)
		done = tls_server_replace(tls, list, count, config->tls_minimum, error);
	else if (done) {
		*made = tls_server_new(list, count, config->tls_minimum, error);
		done = *made != NULL;
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
		use(packed, config, NULL, &tls, error);
	return tls;
}

bool certificates_replace(struct tls_server *tls, struct slice packed, const struct config *config, struct error *error)
{
	return use(packed, config, tls, NULL, error);
}

/* ---- Trying ---- */

/* In the new process. */
static _Noreturn void try_here(struct slice packed, const struct config *config, int out)
{
	struct error error;
	struct tls_server *tls = certificates_new_tls(packed, config, &error);
	if (tls)
		error.kind = ERROR_NONE;
	_exit(write(out, &error, sizeof error) == (ssize_t)sizeof error ? 0 : 1);
}

bool certificates_try(struct slice packed, const struct config *config, struct error *error)
{
	int ends[2];
	struct error said;
	if (packed.len == 0)
		return true;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set_errno(error, errno, "pipe");
	pid_t pid = fork();
	if (pid == 0)
		try_here(packed, config, ends[1]);
	close(ends[1]);
	struct pollfd polled = {.fd = ends[0], .events = POLLIN};
	bool heard = pid > 0 && poll(&polled, 1, CERTIFICATES_TRY_MS) > 0 && read(ends[0], &said, sizeof said) == (ssize_t)sizeof said;
	close(ends[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (!heard)
		return error_set(error, ERROR_TEMPORARY, "the certificates can't be tried: %s", pid < 0 ? "no process" : "no answer in time");
	if (said.kind != ERROR_NONE)
		*error = said;
	return said.kind == ERROR_NONE;
}
