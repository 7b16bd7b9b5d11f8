/* Fuzzing: whatever libunbound hands us as an answer. Its calls are replaced by ones that answer from the input: for each
 * question two bytes of flags and rcode, then records of a length and its bytes, up to a zero length. What comes out must be
 * host names that can be asked for again, whole addresses, and "temporary" for all that is forged. */
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS = 200 };

static struct slice input;
static bool forged; /* some answer so far was */

/* ---- What stands in for libunbound ---- */

struct ub_ctx { int fd; };

struct ub_ctx *ub_ctx_create(void)
{
	struct ub_ctx *context = memory_new(sizeof *context);
	context->fd = eventfd(0, EFD_CLOEXEC);
	return context;
}

void ub_ctx_delete(struct ub_ctx *context)
{
	close(context->fd);
	free(context);
}

int ub_ctx_set_option(struct ub_ctx *context, const char *name, const char *value) { return (void)context, (void)name, (void)value, 0; }
int ub_ctx_resolvconf(struct ub_ctx *context, const char *path) { return (void)context, (void)path, 0; }
int ub_ctx_set_fwd(struct ub_ctx *context, const char *address) { return (void)context, (void)address, 0; }
int ub_ctx_add_ta_file(struct ub_ctx *context, const char *path) { return (void)context, (void)path, 0; }
int ub_ctx_debugout(struct ub_ctx *context, void *out) { return (void)context, (void)out, 0; }
int ub_ctx_async(struct ub_ctx *context, int thread) { return (void)context, (void)thread, 0; }
int ub_ctx_zone_remove(struct ub_ctx *context, const char *zone) { return (void)context, (void)zone, 0; }
int ub_fd(struct ub_ctx *context) { return context->fd; }
int ub_process(struct ub_ctx *context) { return (void)context, 0; }
int ub_cancel(struct ub_ctx *context, int id) { return (void)context, (void)id, UB_NOID; }

static unsigned take_byte(void)
{
	unsigned byte = input.len > 0 ? (unsigned char)input.at[0] : 0;
	input = slice_skip(input, 1);
	return byte;
}

/* Each record is a piece of memory of its own, so that reading beyond it is seen. */
static void take_records(struct ub_result *result)
{
	size_t count = 0;
	result->data = memory_array(RECORDS + 1, sizeof *result->data);
	result->len = memory_array(RECORDS + 1, sizeof *result->len);
	for (unsigned len; count < RECORDS && (len = take_byte()) > 0; count++) {
		struct slice record = slice_sub(input, 0, len);
		input = slice_skip(input, len);
		result->data[count] = memory_copy(record.at, record.len);
		result->len[count] = (int)record.len;
	}
	result->data[count] = NULL;
}

int ub_resolve_async(struct ub_ctx *context, const char *name, int type, int class, void *question, ub_callback_type answered, int *id)
{
	(void)context, (void)type, (void)class;
	assert(strlen(name) <= 253);
	unsigned flags = take_byte(), rcode = take_byte();
	*id = 1;
	if (flags & 16)
		return UB_SYNTAX;
	struct ub_result *result = memory_new(sizeof *result);
	result->havedata = flags & 1;
	result->nxdomain = flags >> 1 & 1;
	result->bogus = flags >> 2 & 1;
	result->secure = !result->bogus && (flags >> 3 & 1);
	result->rcode = (int)rcode & 15;
	take_records(result);
	if (flags & 32) {
		ub_resolve_free(result);
		answered(question, UB_SOCKET, NULL);
	} else {
		forged |= result->bogus;
		answered(question, 0, result);
	}
	return 0;
}

void ub_resolve_free(struct ub_result *result)
{
	for (size_t i = 0; result->data[i]; i++)
		free(result->data[i]);
	free(result->data);
	free(result->len);
	free(result);
}

/* ---- What must hold ---- */

static void check_host(struct slice host)
{
	assert(host.len <= 253);
	for (size_t i = 0; i < host.len; i++)
		assert(ascii_is_alpha(host.at[i]) || ascii_is_digit(host.at[i]) || strchr("-_.", host.at[i]));
	assert(host.len == 0 || (host.at[0] != '.' && host.at[host.len - 1] != '.' && slice_find(host, SLICE("..")) == SLICE_NONE));
}

static void look_up_mx(struct dns *dns, struct arena *arena)
{
	struct dns_mx *list;
	size_t count;
	enum dns_security security;
	struct error error;
	forged = false;
	enum dns_status status = dns_mx(dns, SLICE("example.test"), arena, &list, &count, &security, &error);
	assert(count <= DNS_RECORDS_MAX && (status == DNS_FOUND) == (count > 0));
	assert(!forged || (status == DNS_TEMPORARY && security == DNS_BOGUS));
	for (size_t i = 0; i < count; i++)
		check_host(list[i].host);
}

static void look_up_addresses(struct dns *dns, struct arena *arena)
{
	struct sockaddr_storage *list;
	size_t count;
	enum dns_security security;
	struct error error;
	forged = false;
	enum dns_status status = dns_addresses(dns, SLICE("mail.example.test"), arena, &list, &count, &security, &error);
	assert(count <= 2 * DNS_RECORDS_MAX && (status == DNS_FOUND) == (count > 0));
	assert(!forged || (security == DNS_BOGUS && (status == DNS_TEMPORARY || count > 0)));
	for (size_t i = 0; i < count; i++)
		assert(list[i].ss_family == AF_INET || list[i].ss_family == AF_INET6);
}

static void look_up_name(struct dns *dns, struct arena *arena)
{
	struct sockaddr_storage address = {.ss_family = AF_INET};
	struct slice host;
	((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(0x7f010203);
	enum dns_status status = dns_reverse(dns, &address, arena, &host);
	assert((status == DNS_FOUND) == (host.len > 0));
	check_host(host);
}

static void look_up_table(struct dns *dns)
{
	struct lookup *table = lookup_new();
	for (enum lookup_type type = 0; type < LOOKUP_TYPES; type++)
		lookup_get(table, type, SLICE("example.test"));
	dns_answer(dns, table, INT64_MAX);
	for (enum lookup_type type = 0; type < LOOKUP_TYPES; type++) {
		const struct lookup_answer *answer = lookup_get(table, type, SLICE("example.test"));
		assert(answer->status != LOOKUP_WANTED && (answer->status == LOOKUP_FOUND) == (answer->count > 0));
		for (size_t i = 0; i < answer->count; i++)
			if (type == LOOKUP_MX || type == LOOKUP_PTR)
				check_host(answer->records[i].data);
	}
	lookup_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dns *dns;
	struct error error;
	if (!dns)
		dns = dns_new(&(struct dns_options){"127.0.0.1", (const char *const[]){"none"}, 1}, &error);
	struct arena *arena = arena_new();
	input = slice_make((const char *)data, size);
	switch (take_byte() % 4) {
	case 0:
		look_up_mx(dns, arena);
		break;
	case 1:
		look_up_addresses(dns, arena);
		break;
	case 2:
		look_up_name(dns, arena);
		break;
	default:
		look_up_table(dns);
	}
	arena_free(&arena);
	return 0;
}
