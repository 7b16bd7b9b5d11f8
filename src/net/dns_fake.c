/* A DNS server for tests; see dns_fake.h. UDP only; answers are small. Ends the test process when it can't work. */
#include "net/dns_fake.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/memory.h"

enum { PACKET_MAX = 1232, HEADER_SIZE = 12, CHAIN_MAX = 8, STRING_LENGTH = 10 /* texts are cut into such strings */, TYPE_CNAME = 5, TYPE_TXT = 16, TYPE_RRSIG = 46, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3 };

struct dns_fake {
	int fd, stop;
	char resolver[40];
	const struct dns_fake_record *records;
	size_t count;
	pthread_t thread;
};

static const struct { const char *name; int number; } types[] = {{"A", 1}, {"CNAME", TYPE_CNAME}, {"PTR", 12}, {"MX", 15}, {"TXT", TYPE_TXT}, {"AAAA", 28}, {"RRSIG", TYPE_RRSIG}};

static int type_number(const char *name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (slice_equal(slice_of(name), slice_of(types[i].name)))
			return types[i].number;
	return 0;
}

static void put_number(struct buf *out, unsigned number)
{
	buf_append_char(out, (char)(number >> 8));
	buf_append_char(out, (char)number);
}

static void put_name(struct buf *out, struct slice name)
{
	struct slice label;
	while (name.len > 0) {
		slice_cut(name, '.', &label, &name);
		if (label.len == 0)
			continue;
		buf_append_char(out, (char)label.len);
		buf_append(out, label);
	}
	buf_append_char(out, 0);
}

static void put_value(struct buf *out, const struct dns_fake_record *record, int type)
{
	char binary[16];
	struct slice preference, host;
	uint64_t number = 0;
	if (type == 1 || type == 28) {
		assert(inet_pton(type == 1 ? AF_INET : AF_INET6, record->value, binary) == 1);
		buf_append(out, slice_make(binary, type == 1 ? 4 : 16));
	} else if (type == 15) {
		slice_cut(slice_of(record->value), ' ', &preference, &host);
		slice_to_number(preference, 65535, &number);
		put_number(out, (unsigned)number);
		put_name(out, host);
	} else if (type == TYPE_TXT) {
		for (struct slice rest = slice_of(record->value); rest.len > 0; rest = slice_skip(rest, STRING_LENGTH)) {
			buf_append_char(out, (char)slice_sub(rest, 0, STRING_LENGTH).len);
			buf_append(out, slice_sub(rest, 0, STRING_LENGTH));
		}
	} else
		put_name(out, slice_of(record->value));
}

static void put_record(struct buf *out, const struct dns_fake_record *record, int type)
{
	struct buf value = BUF(PACKET_MAX);
	put_value(&value, record, type);
	put_name(out, slice_of(record->name));
	put_number(out, (unsigned)type);
	put_number(out, 1);
	put_number(out, 0);
	put_number(out, 60);
	put_number(out, (unsigned)value.len);
	buf_append(out, buf_slice(&value));
	buf_free(&value);
}

/* The question's name as lower-case text, and its type. Returns the question's size, 0 if it is broken. */
static size_t read_question(struct slice packet, char *name, size_t room, int *type)
{
	size_t at = HEADER_SIZE, len = 0;
	while (at < packet.len && packet.at[at] != 0) {
		size_t label = (unsigned char)packet.at[at++];
		for (; label > 0 && at < packet.len && len + 2 < room; label--)
			name[len++] = ascii_lower(packet.at[at++]);
		name[len++] = '.';
	}
	name[len > 0 ? len - 1 : 0] = '\0';
	if (at + 5 > packet.len)
		return 0;
	*type = (unsigned char)packet.at[at + 1] << 8 | (unsigned char)packet.at[at + 2];
	return at + 5 - HEADER_SIZE;
}

/* Appends all answers about `name`, following CNAMEs; returns the response code, -1 for silence. */
static int answer(const struct dns_fake *fake, const char *asked, int type, struct buf *out, unsigned *answers)
{
	const char *name = asked;
	bool exists = false;
	for (int step = 0; name && step < CHAIN_MAX; step++) {
		const char *next = NULL;
		exists = false;
		for (size_t i = 0; i < fake->count; i++) {
			const struct dns_fake_record *record = &fake->records[i];
			if (!slice_equal(slice_of(record->name), slice_of(name)))
				continue;
			exists = true;
			int number = type_number(record->type);
			if (slice_equal(slice_of(record->type), SLICE("SERVFAIL")))
				return RCODE_SERVFAIL;
			if (slice_equal(slice_of(record->type), SLICE("SILENT")))
				return -1;
			if (!*record->value || (number != type && number != TYPE_CNAME && number != TYPE_RRSIG))
				continue;
			put_record(out, record, number);
			++*answers;
			if (number == TYPE_CNAME)
				next = record->value;
		}
		name = next;
	}
	return exists ? 0 : RCODE_NXDOMAIN;
}

static void serve_one(const struct dns_fake *fake)
{
	char packet[PACKET_MAX], name[300];
	struct sockaddr_storage peer;
	socklen_t size = sizeof peer;
	int type = 0;
	unsigned answers = 0;
	ssize_t got = recvfrom(fake->fd, packet, sizeof packet, 0, (struct sockaddr *)&peer, &size);
	size_t question = got > HEADER_SIZE ? read_question(slice_make(packet, (size_t)got), name, sizeof name, &type) : 0;
	struct buf body = BUF(PACKET_MAX), out = BUF(PACKET_MAX);
	int code = question > 0 ? answer(fake, name, type, &body, &answers) : -1;
	if (code >= 0) {
		buf_append(&out, slice_make(packet, 2));
		put_number(&out, 0x8180u | (unsigned)code);
		put_number(&out, 1);
		put_number(&out, answers);
		put_number(&out, 0);
		put_number(&out, 0);
		buf_append(&out, slice_make(packet + HEADER_SIZE, question));
		buf_append(&out, buf_slice(&body));
		sendto(fake->fd, out.at, out.len, 0, (struct sockaddr *)&peer, size);
	}
	buf_free(&body);
	buf_free(&out);
}

static void *serve(void *argument)
{
	struct dns_fake *fake = argument;
	struct pollfd polled[2] = {{.fd = fake->fd, .events = POLLIN}, {.fd = fake->stop, .events = POLLIN}};
	while (polled[1].revents == 0)
		if (poll(polled, 2, -1) > 0 && polled[0].revents)
			serve_one(fake);
	return NULL;
}

struct dns_fake *dns_fake_start(const struct dns_fake_record *records, size_t count)
{
	struct dns_fake *fake = memory_new(sizeof *fake);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	*fake = (struct dns_fake){.records = records, .count = count};
	fake->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	fake->stop = eventfd(0, EFD_CLOEXEC);
	if (fake->fd < 0 || fake->stop < 0 || bind(fake->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    getsockname(fake->fd, (struct sockaddr *)&address, &size) != 0 || pthread_create(&fake->thread, NULL, serve, fake) != 0)
		abort();
	snprintf(fake->resolver, sizeof fake->resolver, "127.0.0.1@%d", ntohs(address.sin_port));
	return fake;
}

const char *dns_fake_resolver(const struct dns_fake *fake)
{
	return fake->resolver;
}

void dns_fake_stop(struct dns_fake **fake)
{
	if (!*fake)
		return;
	eventfd_write((*fake)->stop, 1);
	pthread_join((*fake)->thread, NULL);
	close((*fake)->fd);
	close((*fake)->stop);
	free(*fake);
	*fake = NULL;
}
