/* See password.h. Every copy of a password that is made here is wiped here. */
#include "auth/password.h"

#include <argon2.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base64.h"
#include "auth/scheme.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"

enum {
	CONTAINS_UNASSIGNED = 1, /* stringprep's result when Unicode 3.2 didn't know a code point */
	AREA_KEPT_SECONDS = 10,
};

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

/* ---- Argon2id ---- */

/* The memory that a hash is computed in, of this thread: libargon2's callbacks take no context. The kernel fills it at once,
 * which costs a tenth of filling it page by page as it is touched; libargon2 clears it after use. */
static _Thread_local struct { uint8_t *at; size_t size; } area;

static void drop_area(void)
{
	if (area.size > 0)
		munmap(area.at, area.size);
	area.at = NULL;
	area.size = 0;
}

static int take_area(uint8_t **memory, size_t size)
{
	if (area.size < size) {
		drop_area();
		void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (at == MAP_FAILED)
			return ARGON2_MEMORY_ALLOCATION_ERROR;
		area.at = at;
		area.size = size;
	}
	*memory = area.at;
	return ARGON2_OK;
}

static void leave_area(uint8_t *memory, size_t size)
{
	(void)memory, (void)size;
}

/* What an encoded hash says. */
struct parameters {
	argon2_type type;
	uint32_t memory_kib, passes, lanes;
	struct buf salt, hash;
};

static argon2_context make_context(const struct parameters *parameters, struct slice prepared, uint8_t *out, size_t size)
{
	return (argon2_context){
		.out = out, .outlen = (uint32_t)size, .pwd = (uint8_t *)(uintptr_t)prepared.at, .pwdlen = (uint32_t)prepared.len,
		.salt = (uint8_t *)parameters->salt.at, .saltlen = (uint32_t)parameters->salt.len, .t_cost = parameters->passes,
		.m_cost = parameters->memory_kib, .lanes = parameters->lanes, .threads = 1, .version = ARGON2_VERSION_13,
		.allocate_cbk = take_area, .free_cbk = leave_area, .flags = ARGON2_DEFAULT_FLAGS,
	};
}

/* Base64 without padding, as encoded hashes have it (the "B64" of the Argon2 reference). */
static void put_base64(struct buf *out, struct slice bytes)
{
	size_t before = out->len;
	base64_encode(bytes, out);
	while (out->len > before && out->at[out->len - 1] == '=')
		out->len--;
}

static bool take_base64(struct slice text, struct buf *out)
{
	struct buf padded = BUF(ENCODED_HASH_MAX + 4);
	buf_append(&padded, text);
	while (padded.len % 4 != 0)
		buf_append_char(&padded, '=');
	bool done = base64_decode(buf_slice(&padded), out) && out->len > 0;
	buf_free(&padded);
	return done;
}

static void put_encoded(char encoded[ENCODED_HASH_MAX], struct slice salt, struct slice hash)
{
	struct buf out = BUF_SECRET(ENCODED_HASH_MAX - 1);
	buf_printf(&out, "$argon2id$v=19$m=%d,t=%d,p=%d$", ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES);
	put_base64(&out, salt);
	buf_append_char(&out, '$');
	put_base64(&out, hash);
	memcpy(encoded, out.at, out.len);
	encoded[out.len] = '\0';
	buf_free(&out);
}

bool password_hash(struct slice prepared, char encoded[ENCODED_HASH_MAX])
{
	unsigned char hash[ARGON2_HASH_SIZE];
	char salt[ARGON2_SALT_SIZE];
	random_bytes(salt, sizeof salt);
	struct parameters parameters = {Argon2_id, ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, .salt = {.at = salt, .len = sizeof salt}};
	argon2_context context = make_context(&parameters, prepared, hash, sizeof hash);
	int rc = argon2_ctx(&context, Argon2_id);
	drop_area();
	if (rc == ARGON2_OK)
		put_encoded(encoded, slice_make(salt, sizeof salt), slice_make((char *)hash, sizeof hash));
	else
		log_error("password.failed", log_text("reason", argon2_error_message(rc)));
	memory_wipe(hash, sizeof hash);
	return rc == ARGON2_OK;
}

/* One parameter "m=…" of an encoded hash within its maximum? Cuts it off. */
static bool take_parameter(struct slice *rest, char name, char end, uint64_t max, uint32_t *value)
{
	struct slice field, after;
	uint64_t number;
	if (!slice_cut(*rest, end, &field, &after) || field.len < 3 || field.at[0] != name || field.at[1] != '=')
		return false;
	*rest = after;
	if (!slice_to_number(slice_skip(field, 2), max, &number))
		return false;
	*value = (uint32_t)number;
	return true;
}

/* $argon2id$v=19$m=19456,t=2,p=1$salt$hash */
static bool read_parameters(struct slice encoded, struct parameters *parameters)
{
	struct slice rest, salt, hash;
	bool id = slice_starts(encoded, SLICE("$argon2id$v=19$"));
	if ((!id && !slice_starts(encoded, SLICE("$argon2i$v=19$"))) || encoded.len >= ENCODED_HASH_MAX)
		return false;
	parameters->type = id ? Argon2_id : Argon2_i;
	rest = slice_skip(encoded, id ? sizeof "$argon2id$v=19$" - 1 : sizeof "$argon2i$v=19$" - 1);
	return take_parameter(&rest, 'm', ',', ARGON2_MEMORY_KIB_MAX, &parameters->memory_kib) &&
	       take_parameter(&rest, 't', ',', ARGON2_PASSES_MAX, &parameters->passes) &&
	       (uint64_t)parameters->memory_kib * parameters->passes <= ARGON2_WORK_KIB_MAX &&
	       take_parameter(&rest, 'p', '$', ARGON2_LANES_MAX, &parameters->lanes) && slice_cut(rest, '$', &salt, &hash) &&
	       take_base64(salt, &parameters->salt) && take_base64(hash, &parameters->hash) && parameters->hash.len >= SCHEME_DIGEST_MIN;
}

static void free_parameters(struct parameters *parameters)
{
	buf_free(&parameters->salt);
	buf_free(&parameters->hash);
}

bool password_can_verify(struct slice encoded)
{
	struct parameters parameters = {.salt = BUF_SECRET(ENCODED_HASH_MAX), .hash = BUF_SECRET(ENCODED_HASH_MAX)};
	bool can = read_parameters(encoded, &parameters) && parameters.memory_kib >= 8 * parameters.lanes && parameters.passes > 0 &&
		   parameters.lanes > 0 && parameters.salt.len >= ARGON2_MIN_SALT_LENGTH;
	free_parameters(&parameters);
	return can;
}

static bool verify_argon2(struct slice encoded, struct slice prepared)
{
	struct parameters parameters = {.salt = BUF_SECRET(ENCODED_HASH_MAX), .hash = BUF_SECRET(ENCODED_HASH_MAX)};
	unsigned char computed[ENCODED_HASH_MAX];
	int rc = ARGON2_DECODING_FAIL;
	if (read_parameters(encoded, &parameters)) {
		argon2_context context = make_context(&parameters, prepared, computed, parameters.hash.len);
		rc = argon2_verify_ctx(&context, parameters.hash.at, parameters.type);
		if (rc != ARGON2_OK && rc != ARGON2_VERIFY_MISMATCH)
			log_error("password.failed", log_text("reason", argon2_error_message(rc)));
	}
	memory_wipe(computed, sizeof computed);
	free_parameters(&parameters);
	return rc == ARGON2_OK;
}

bool password_verify(struct slice encoded, struct slice prepared)
{
	return slice_starts(encoded, SLICE("$argon2")) ? verify_argon2(encoded, prepared) : auth_scheme_verify(encoded, prepared);
}

bool password_derive(struct slice prepared, struct slice salt, struct password_keys *keys)
{
	char salted[SCRAM_KEY_SIZE], client_key[SCRAM_KEY_SIZE];
	keys->salt_size = SCRAM_SALT_SIZE;
	random_bytes(keys->salt, keys->salt_size);
	if (salt.len == keys->salt_size)
		memcpy(keys->salt, salt.at, salt.len);
	keys->scram_iterations = SCRAM_ITERATIONS;
	bool done = PKCS5_PBKDF2_HMAC(prepared.at, (int)prepared.len, (const unsigned char *)keys->salt, (int)keys->salt_size, SCRAM_ITERATIONS,
				      EVP_sha256(), sizeof salted, (unsigned char *)salted) == 1 &&
		    gsasl_scram_secrets_from_salted_password(GSASL_HASH_SHA256, salted, client_key, keys->server_key, keys->stored_key) == GSASL_OK;
	memory_wipe(salted, sizeof salted);
	memory_wipe(client_key, sizeof client_key);
	return done && password_hash(prepared, keys->encoded);
}

void password_decoy(char encoded[ENCODED_HASH_MAX])
{
	char salt[ARGON2_SALT_SIZE], hash[ARGON2_HASH_SIZE];
	random_bytes(salt, sizeof salt);
	random_bytes(hash, sizeof hash);
	put_encoded(encoded, slice_make(salt, sizeof salt), slice_make(hash, sizeof hash));
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

/* A thread that has had nothing to do for a while gives its memory back. With the lock held. */
static void wait_for_job(struct password_pool *pool)
{
	if (area.size == 0)
		pthread_cond_wait(&pool->changed, &pool->lock);
	else if (!clock_wait(&pool->changed, &pool->lock, clock_monotonic_ms() + AREA_KEPT_SECONDS * 1000))
		drop_area();
}

/* Another program hashed the password as it was typed, which need not be as it is prepared here ("№" becomes "No"). */
static void work(struct password_job *job)
{
	struct slice encoded = slice_of(job->encoded), prepared = buf_slice(&job->password), raw = buf_slice(&job->raw);
	job->matches = password_verify(encoded, prepared) && !job->decoy;
	if (!job->imported)
		return;
	if (!job->matches && !slice_empty(prepared) && !slice_equal(prepared, raw))
		job->matches = password_verify(encoded, raw) && !job->decoy;
	job->renewed = job->matches && password_derive(prepared, slice_make(job->salt, sizeof job->salt), &job->keys);
}

static void *verify_passwords(void *argument)
{
	struct password_pool *pool = argument;
	pthread_mutex_lock(&pool->lock);
	while (!pool->stopping) {
		struct password_job *job = take(&pool->waiting);
		if (!job) {
			wait_for_job(pool);
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		work(job);
		pthread_mutex_lock(&pool->lock);
		append(&pool->done, job);
		uint64_t one = 1;
		if (write(pool->done_fd, &one, sizeof one) < 0)
			log_warning("password.unannounced"); /* only if the counter were full: then a wake-up is due anyway */
	}
	pthread_mutex_unlock(&pool->lock);
	drop_area();
	return NULL;
}

struct password_pool *password_pool_new(int done_fd)
{
	struct password_pool *pool = memory_new(sizeof *pool);
	pthread_mutex_init(&pool->lock, NULL);
	clock_init_condition(&pool->changed);
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
