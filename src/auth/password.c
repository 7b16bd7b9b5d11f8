/* See password.h. Every copy of a password that is made here is wiped here. */
#include "auth/password.h"

#include <argon2.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"

enum { CONTAINS_UNASSIGNED = 1 }; /* stringprep's result when Unicode 3.2 didn't know a code point */

/* What SASLprep can't say anything about, for it knows Unicode 3.2 only (an emoji, a capital sharp s): as it is, which is
 * what its successor OpaqueString (RFC 8265 §4.2) does with nearly everything. */
static bool prepare_newer(struct slice password, struct buf *prepared)
{
	for (size_t i = 0; i < password.len; i++)
		if ((unsigned char)password.at[i] < ' ' || password.at[i] == 0x7f)
			return false;
	return slice_is_utf8(password) && buf_append(prepared, password);
}

/* Printable ASCII is what SASLprep makes of itself; and the library it is done with leaves copies in memory. */
static bool is_plain(struct slice password)
{
	for (size_t i = 0; i < password.len; i++)
		if (password.at[i] < ' ' || password.at[i] > '~')
			return false;
	return true;
}

bool password_prepare(struct slice password, struct buf *prepared)
{
	if (slice_empty(password) || password.len > PASSWORD_MAX || slice_find_char(password, '\0') != SLICE_NONE)
		return false;
	if (is_plain(password))
		return buf_append(prepared, password);
	char *text = memory_copy(password.at, password.len), *out = NULL;
	int reason = 0, rc = gsasl_saslprep(text, 0, &out, &reason);
	memory_wipe(text, password.len);
	free(text);
	if (rc == GSASL_SASLPREP_ERROR && reason == CONTAINS_UNASSIGNED)
		return prepare_newer(password, prepared);
	if (rc != GSASL_OK)
		return false;
	size_t len = strlen(out);
	bool done = len > 0 && buf_append(prepared, slice_make(out, len));
	memory_wipe(out, len);
	gsasl_free(out);
	return done;
}

bool password_hash(struct slice prepared, char encoded[ENCODED_HASH_MAX])
{
	char salt[ARGON2_SALT_SIZE];
	random_bytes(salt, sizeof salt);
	int rc = argon2id_hash_encoded(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES, prepared.at, prepared.len, salt, sizeof salt,
				       ARGON2_HASH_SIZE, encoded, ENCODED_HASH_MAX);
	if (rc != ARGON2_OK)
		log_error("password.failed", log_text("reason", argon2_error_message(rc)));
	return rc == ARGON2_OK;
}

/* One parameter "m=…" of an encoded hash within its maximum? Cuts it off. */
static bool take_parameter(struct slice *rest, char name, char end, uint64_t max)
{
	struct slice field, after;
	uint64_t value;
	if (!slice_cut(*rest, end, &field, &after) || field.len < 3 || field.at[0] != name || field.at[1] != '=')
		return false;
	*rest = after;
	return slice_to_number(slice_skip(field, 2), max, &value);
}

/* $argon2id$v=19$m=19456,t=2,p=1$salt$hash */
static bool is_within_limits(struct slice encoded)
{
	struct slice rest = encoded;
	if (!slice_starts(rest, SLICE("$argon2id$v=19$")) || encoded.len >= ENCODED_HASH_MAX)
		return false;
	rest = slice_skip(rest, sizeof "$argon2id$v=19$" - 1);
	return take_parameter(&rest, 'm', ',', ARGON2_MEMORY_KIB_MAX) && take_parameter(&rest, 't', ',', ARGON2_PASSES_MAX) &&
	       take_parameter(&rest, 'p', '$', ARGON2_LANES_MAX);
}

bool password_verify(struct slice encoded, struct slice prepared)
{
	char text[ENCODED_HASH_MAX] = "";
	if (!is_within_limits(encoded))
		return false;
	memcpy(text, encoded.at, encoded.len);
	int rc = argon2id_verify(text, prepared.at, prepared.len);
	memory_wipe(text, sizeof text);
	if (rc != ARGON2_OK && rc != ARGON2_VERIFY_MISMATCH)
		log_error("password.failed", log_text("reason", argon2_error_message(rc)));
	return rc == ARGON2_OK;
}

/* Base64 without padding, as encoded hashes have it (the "B64" of the Argon2 reference). */
static void put_random(struct buf *out, size_t size)
{
	unsigned char bytes[ARGON2_HASH_SIZE], text[2 * ARGON2_HASH_SIZE];
	random_bytes(bytes, size);
	size_t len = (size_t)EVP_EncodeBlock(text, bytes, (int)size);
	while (len > 0 && text[len - 1] == '=')
		len--;
	buf_append(out, slice_make((const char *)text, len));
}

void password_decoy(char encoded[ENCODED_HASH_MAX])
{
	struct buf out = BUF(ENCODED_HASH_MAX - 1);
	buf_printf(&out, "$argon2id$v=19$m=%d,t=%d,p=%d$", ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES);
	put_random(&out, ARGON2_SALT_SIZE);
	buf_append_char(&out, '$');
	put_random(&out, ARGON2_HASH_SIZE);
	memcpy(encoded, out.at, out.len + 1);
	buf_free(&out);
}

/* ---- The threads ---- */

struct job_list {
	struct password_job *first, **end;
};

struct password_pool {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	struct job_list waiting, done;
	bool stopping;
	int done_fd, threads;
	pthread_t thread[PASSWORD_THREADS];
};

static void append(struct job_list *list, struct password_job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
}

static struct password_job *take(struct job_list *list)
{
	struct password_job *job = list->first;
	if (job && !(list->first = job->next))
		list->end = &list->first;
	return job;
}

static void *verify_passwords(void *argument)
{
	struct password_pool *pool = argument;
	pthread_mutex_lock(&pool->lock);
	while (!pool->stopping) {
		struct password_job *job = take(&pool->waiting);
		if (!job) {
			pthread_cond_wait(&pool->changed, &pool->lock);
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		job->matches = password_verify(slice_of(job->encoded), buf_slice(&job->password));
		pthread_mutex_lock(&pool->lock);
		append(&pool->done, job);
		uint64_t one = 1;
		if (write(pool->done_fd, &one, sizeof one) < 0)
			log_warning("password.unannounced"); /* only if the counter were full: then a wake-up is due anyway */
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct password_pool *password_pool_new(int done_fd)
{
	struct password_pool *pool = memory_new(sizeof *pool);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	pool->waiting.end = &pool->waiting.first;
	pool->done.end = &pool->done.first;
	pool->done_fd = done_fd;
	sigset_t all, former;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	while (pool->threads < PASSWORD_THREADS && pthread_create(&pool->thread[pool->threads], NULL, verify_passwords, pool) == 0)
		pool->threads++;
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (pool->threads == 0) {
		log_error("password.no_threads");
		abort(); /* nobody could sign in: let the master try again */
	}
	return pool;
}

void password_pool_free(struct password_pool **pool)
{
	if (!*pool)
		return;
	pthread_mutex_lock(&(*pool)->lock);
	(*pool)->stopping = true;
	pthread_cond_broadcast(&(*pool)->changed);
	pthread_mutex_unlock(&(*pool)->lock);
	for (int i = 0; i < (*pool)->threads; i++)
		pthread_join((*pool)->thread[i], NULL);
	pthread_cond_destroy(&(*pool)->changed);
	pthread_mutex_destroy(&(*pool)->lock);
	free(*pool);
	*pool = NULL;
}

void password_pool_submit(struct password_pool *pool, struct password_job *job)
{
	pthread_mutex_lock(&pool->lock);
	append(&pool->waiting, job);
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
}

struct password_job *password_pool_collect(struct password_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	struct password_job *job = take(&pool->done);
	pthread_mutex_unlock(&pool->lock);
	return job;
}
