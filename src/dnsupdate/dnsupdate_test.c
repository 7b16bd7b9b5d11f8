/* Changes of a zone as bytes, signatures (computed by another program), answers that are read strictly, and asking a server of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "dnsupdate/internal.h"

enum { NOW = 1700000000, SECRET = 32 };

static struct arena *arena;
static unsigned char secret[SECRET];
static struct dns_update_server server;

static int begin(void **state)
{
	(void)state;
	arena = arena_new();
	for (int i = 0; i < SECRET; i++)
		secret[i] = (unsigned char)i;
	server = (struct dns_update_server){.place = SLICE("127.0.0.1"), .key = SLICE("Key.example"), .secret = {(const char *)secret, SECRET}, .ttl = 3600};
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct slice unhex_in(struct arena *in, const char *text)
{
	char *out = arena_alloc(in, strlen(text) / 2 + 1);
	size_t len = 0;
	for (; text[0] && text[1]; text += 2)
		out[len++] = (char)(ascii_hex_value(text[0]) << 4 | ascii_hex_value(text[1]));
	return slice_make(out, len);
}

static struct slice unhex(const char *text) { return unhex_in(arena, text); }

static struct slice encoded(enum lookup_type type, struct lookup_record value)
{
	struct buf out = BUF(MESSAGE_MAX);
	assert_true(dns_update_encode(type, &value, &out));
	struct slice copy = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return copy;
}

/* ---- Writing ---- */

static struct slice changes(struct buf *out)
{
	struct slice name = SLICE("_dmarc.example.org");
	struct dns_update_change list[] = {
		{DNS_UPDATE_REMOVE_ALL, {name, DNS_UPDATE_TXT, 0, {NULL, 0}}},
		{DNS_UPDATE_ADD, {name, DNS_UPDATE_TXT, 3600, encoded(LOOKUP_TXT, (struct lookup_record){.data = SLICE("v=DMARC1; p=none")})}},
	};
	assert_true(dns_update_write_changes(SLICE("example.org"), list, 2, 0x1234, out));
	return buf_slice(out);
}

static void changes_are_written(void **state)
{
	(void)state;
	struct buf out = BUF(MESSAGE_MAX);
	assert_true(slice_equal(changes(&out), unhex("123428000001000000020000076578616d706c65036f72670000060001065f646d617263076578616d706c65036f726700001000ff000000000000"
						     "065f646d617263076578616d706c65036f7267000010000100000e10001110763d444d415243313b20703d6e6f6e65")));
	buf_clear(&out);
	struct dns_update_change removal = {DNS_UPDATE_REMOVE, {SLICE("a.example.org"), DNS_UPDATE_A, 77, unhex("7f000001")}};
	assert_true(dns_update_write_changes(SLICE("example.org"), &removal, 1, 1, &out));
	assert_true(slice_ends_nocase(buf_slice(&out), unhex("000100fe0000000000047f000001"))); /* class NONE, no TTL */
	buf_free(&out);
}

static void what_is_no_change_is_refused(void **state)
{
	(void)state;
	static const char *const names[] = {"a..example.org", ".", "", "0123456789012345678901234567890123456789012345678901234567890123.org"};
	struct buf out = BUF(MESSAGE_MAX);
	struct dns_update_change change = {DNS_UPDATE_REMOVE_ALL, {SLICE("a.example.org"), DNS_UPDATE_A, 0, {NULL, 0}}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_false(dns_update_write_changes(slice_of(names[i]), &change, 1, 1, &out));
	change.record.name = slice_of(names[3]);
	assert_false(dns_update_write_changes(SLICE("example.org"), &change, 1, 1, &out));
	change = (struct dns_update_change){DNS_UPDATE_ADD, {SLICE("a.example.org"), DNS_UPDATE_A, 0, {NULL, 0}}};
	assert_false(dns_update_write_changes(SLICE("example.org"), &change, 1, 1, &out)); /* nothing to add */
	assert_false(dns_update_write_changes(SLICE("example.org"), &change, 0, 1, &out));
	assert_false(dns_update_write_changes(SLICE("example.org"), &change, DNS_UPDATE_CHANGES_MAX + 1, 1, &out));
	buf_free(&out);
}

static void round_trip(enum lookup_type type, struct lookup_record value, const char *hex)
{
	struct lookup_record again;
	struct slice data = encoded(type, value);
	assert_true(slice_equal(data, unhex(hex)));
	assert_true(dns_update_decode(type, &(struct dns_update_record){.type = dns_update_type_of(type), .data = data}, arena, &again));
	assert_true(slice_equal(again.data, value.data));
	assert_int_equal(again.preference, value.preference);
	assert_int_equal(again.weight, value.weight);
	assert_int_equal(again.port, value.port);
}

static void records_are_bytes(void **state)
{
	(void)state;
	char text[301];
	memset(text, 'x', 300);
	round_trip(LOOKUP_A, (struct lookup_record){.data = unhex("7f000001")}, "7f000001");
	round_trip(LOOKUP_AAAA, (struct lookup_record){.data = unhex("20010db8000000000000000000000001")}, "20010db8000000000000000000000001");
	round_trip(LOOKUP_MX, (struct lookup_record){.data = SLICE("mx.org"), .preference = 10}, "000a026d78036f726700");
	round_trip(LOOKUP_CNAME, (struct lookup_record){.data = SLICE("mx.org")}, "026d78036f726700");
	round_trip(LOOKUP_SRV, (struct lookup_record){.data = SLICE("mx.org"), .preference = 1, .weight = 2, .port = 993}, "0001000203e1026d78036f726700");
	round_trip(LOOKUP_SRV, (struct lookup_record){.data = SLICE("")}, "00000000000000");
	round_trip(LOOKUP_CAA, (struct lookup_record){.data = SLICE("issue ca.example"), .preference = 128}, "800569737375656361" "2e6578616d706c65");
	round_trip(LOOKUP_TLSA, (struct lookup_record){.data = unhex("03010100ff7f")}, "03010100ff7f");
	round_trip(LOOKUP_TXT, (struct lookup_record){.data = SLICE("")}, "00");
	struct slice data = encoded(LOOKUP_TXT, (struct lookup_record){.data = slice_make(text, 300)});
	assert_int_equal(data.len, 302);
	assert_int_equal((unsigned char)data.at[0], 255);
	assert_int_equal((unsigned char)data.at[256], 45);
	struct buf out = BUF(100);
	assert_false(dns_update_encode(LOOKUP_A, &(struct lookup_record){.data = SLICE("127.0.0.1")}, &out));
	assert_false(dns_update_encode(LOOKUP_CAA, &(struct lookup_record){.data = SLICE("issue")}, &out));
	assert_false(dns_update_encode(LOOKUP_MX, &(struct lookup_record){.data = SLICE("a..b")}, &out));
	buf_free(&out);
}

static void damaged_records_are_none(void **state)
{
	(void)state;
	static const struct { enum lookup_type type; const char *hex; } bad[] = {
		{LOOKUP_A, "7f0000"}, {LOOKUP_AAAA, "7f000001"}, {LOOKUP_TXT, ""}, {LOOKUP_TXT, "0341"}, {LOOKUP_TXT, "014103"}, {LOOKUP_MX, "0001"}, {LOOKUP_MX, "00010141"}, {LOOKUP_MX, "000101410041"},
		{LOOKUP_MX, "0001c000"}, {LOOKUP_SRV, "000000000000"}, {LOOKUP_SRV, "00000000000001"}, {LOOKUP_CAA, "00"}, {LOOKUP_CAA, "0000"}, {LOOKUP_CAA, "000541"}, {LOOKUP_CAA, "00010a41"},
		{LOOKUP_TLSA, "030101"}, {LOOKUP_CNAME, ""}, {LOOKUP_CNAME, "4041"},
	};
	struct lookup_record value;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (dns_update_decode(bad[i].type, &(struct dns_update_record){.type = dns_update_type_of(bad[i].type), .data = unhex(bad[i].hex)}, arena, &value))
			fail_msg("taken: %s", bad[i].hex);
}

/* ---- Signatures ---- */

static const struct { enum config_dns_update_algorithm algorithm; const char *mac, *answer; } vectors[] = {
	{CONFIG_HMAC_SHA256, "94f5d60b6ce5f9254d0463a07b7ae8c33e888f4b4d4d8af1168da4daa17c097e",
	 "1234a8000000000000000001036b6579076578616d706c650000fa00ff00000000003d0b686d61632d7368613235360000006553f101012c0020eb86d5140d79db7ce1aa6de9314dbcb9def941d377c5a0b35389ff125211259612340000"
	 "0000"},
	{CONFIG_HMAC_SHA384, "43e833c868e8f204750a45ea0ed657dae9d1300007729cf64d1cb2e7308644ac46f192195424e6f3c94e382733b1e719",
	 "1234a8000000000000000001036b6579076578616d706c650000fa00ff00000000004d0b686d61632d7368613338340000006553f101012c003022e03835feac448a604d7b93cac6f8b0c1437dbdccc51896d21a8260c9fa0165996fae74"
	 "3086dede303f4b471f3eb71d123400000000"},
	{CONFIG_HMAC_SHA512, "ce96933724aa81b8afb465298a08ba8775e6cdbe89dd5f5266118133b709cf561212aeb7ff0928b5d0aed04c01824697b42f9605449c39adc9a9030f29aac8b0",
	 "1234a8000000000000000001036b6579076578616d706c650000fa00ff00000000005d0b686d61632d7368613531320000006553f101012c0040b751e694d3f9a03603ea1d756206414db7c4f2742e4986e3cd57508cdadb26d62eb3e254"
	 "f1ab35ec01858246bc9fd6f5a390d6b16b73177b0c8dba7e75237dce123400000000"},
};

static void signatures_are_what_another_program_computes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct buf message = BUF(MESSAGE_MAX);
		struct dns_update_mac mac;
		struct dns_update_reading reading;
		struct error error;
		server.algorithm = vectors[i].algorithm;
		changes(&message);
		assert_true(dns_update_sign(&server, NOW, &message, &mac));
		assert_true(slice_equal(slice_make((const char *)mac.bytes, mac.len), unhex(vectors[i].mac)));
		assert_true(dns_update_read(buf_slice(&message), arena, &reading)); /* ours is read, too */
		assert_true(reading.tsig.there && reading.tsig.time == NOW && reading.tsig.original_id == 0x1234);
		assert_true(slice_equal(reading.tsig.key, SLICE("key.example")));
		buf_free(&message);
		assert_true(dns_update_read(unhex(vectors[i].answer), arena, &reading));
		assert_true(dns_update_verify(&server, unhex(vectors[i].answer), &reading, &mac, NOW, &error));
		assert_true(dns_update_verify(&server, unhex(vectors[i].answer), &reading, &mac, NOW + 301, &error));
		assert_false(dns_update_verify(&server, unhex(vectors[i].answer), &reading, &mac, NOW + 302, &error));
		assert_non_null(strstr(error.text, "clocks"));
		mac.bytes[0] ^= 1;
		assert_false(dns_update_verify(&server, unhex(vectors[i].answer), &reading, &mac, NOW, &error));
		assert_non_null(strstr(error.text, "is wrong"));
	}
}

static void each_byte_of_an_answer_is_signed(void **state)
{
	(void)state;
	struct slice answer = unhex(vectors[0].answer), mac_text = unhex(vectors[0].mac);
	struct dns_update_mac mac = {.len = mac_text.len};
	struct dns_update_reading reading;
	struct error error;
	memcpy(mac.bytes, mac_text.at, mac_text.len);
	for (size_t i = 0; i < answer.len; i++) {
		char *changed = arena_text(arena, answer);
		changed[i] ^= 0x10;
		bool taken = dns_update_read(slice_make(changed, answer.len), arena, &reading) && dns_update_verify(&server, slice_make(changed, answer.len), &reading, &mac, NOW, &error);
		/* The id is replaced by the original one, which is what is signed. */
		if (taken && i >= 2)
			fail_msg("byte %zu", i);
		assert_false(dns_update_read(slice_make(changed, i), arena, &reading)); /* nor is a part of it a message */
	}
}

static void refusals_of_a_signature_are_said_in_words(void **state)
{
	(void)state;
	static const struct { unsigned code; const char *words; } cases[] = {{16, "another secret"}, {17, "doesn't know the key"}, {18, "clocks"}, {22, "as short"}, {99, "error 99"}};
	struct dns_update_mac mac = {.len = 32};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dns_update_reading reading = {.tsig = {.there = true, .error = cases[i].code}};
		struct error error;
		assert_false(dns_update_verify(&server, unhex(vectors[0].answer), &reading, &mac, NOW, &error));
		assert_non_null(strstr(error.text, cases[i].words));
		assert_int_equal(error.kind, ERROR_DENIED);
	}
}

/* ---- Reading ---- */

static void answers_are_read_strictly(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "1234", "12348400000000000000", /* cut off */
		"12348400000200000000000000000100010000010001",         /* two questions */
		"1234840000000000000000000000",                         /* bytes behind it */
		"123484000001000000000000c00c00010001",                 /* a name that points at itself */
		"123484000001000000000000c0ff00010001",                 /* … and behind the message */
		"1234840000010000000000004041",                         /* a label of another kind */
		"12348400000100000000000000" "00010003",                /* of another class */
		"123484000000000100000000" "00" "0001" "0001" "00000000" "0004" "7f0000", /* a record that is cut off */
		"123484000000000100000000" "00" "000f" "0001" "00000000" "0002" "0001",   /* MX without a name */
		"123484000000000100000000" "00" "000f" "0001" "00000000" "0005" "0001000000", /* … and with more behind it */
		"123484000000000100000000" "00" "00fa" "00ff" "00000000" "0000",           /* a signature among the answers */
		"12348400ffff0000ffff0000", "123484000000ffff00000000",                   /* more than there can be */
	};
	struct dns_update_reading reading;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (dns_update_read(unhex(bad[i]), arena, &reading))
			fail_msg("read: %s", bad[i]);
	assert_true(dns_update_read(unhex("123486000001000500000000" "0161" "00" "00010001"), arena, &reading)); /* cut off on purpose */
	assert_true(reading.truncated && reading.is_answer && slice_equal(reading.name, SLICE("a")) && reading.answer_count == 0);
	/* Names written out, and what no host name has shown as such. */
	assert_true(dns_update_read(unhex("123484000001000100000000" "02612e" "0162" "00" "000f0001" "c00c" "000f" "0001" "00000e10" "0004" "000ac00f"), arena, &reading));
	assert_int_equal(reading.answer_count, 1);
	assert_true(slice_equal(reading.name, SLICE("a?.b")));
	assert_true(slice_equal(reading.answers[0].name, SLICE("a?.b")));
	assert_true(slice_equal(reading.answers[0].data, unhex("000a016200")));
	assert_int_equal(reading.answers[0].ttl, 3600);
}

/* ---- Asking ---- */

enum deed { RIGHT, UNSIGNED, WRONG_SIGNATURE, UNKNOWN_KEY, REFUSED, CUT, FIRST_OF_ANOTHER, RUBBISH, SILENT_DATAGRAMS };

/* A name server of one zone with one text. */
static struct {
	int datagrams, listening, stop[2];
	pthread_t thread;
	_Atomic int deed;
	_Atomic int changes, questions, streams;
} fake;

static void sign_answer(struct arena *in, struct buf *answer, const struct dns_update_reading *asked)
{
	struct buf input = BUF(MESSAGE_MAX * 2), data = BUF(1000);
	unsigned char mac[MAC_MAX];
	unsigned len;
	struct slice variables = unhex_in(in, "036b6579076578616d706c650000ff000000000b686d61632d73686132353600");
	dns_update_put_number(&input, asked->tsig.mac.len, 2);
	buf_append(&input, asked->tsig.mac);
	buf_append(&input, buf_slice(answer));
	buf_append(&input, variables);
	dns_update_put_number(&input, (uint64_t)clock_now(), 6);
	dns_update_put_number(&input, 300, 2);
	dns_update_put_number(&input, 0, 4);
	HMAC(EVP_sha256(), secret, SECRET, (const unsigned char *)input.at, input.len, mac, &len);
	mac[0] ^= fake.deed == WRONG_SIGNATURE;
	buf_append(&data, slice_skip(variables, 19));
	dns_update_put_number(&data, (uint64_t)clock_now(), 6);
	dns_update_put_number(&data, 300, 2);
	dns_update_put_number(&data, fake.deed == UNKNOWN_KEY ? 0 : len, 2);
	buf_append(&data, slice_make((char *)mac, fake.deed == UNKNOWN_KEY ? 0 : len));
	dns_update_put_number(&data, asked->id, 2);
	dns_update_put_number(&data, fake.deed == UNKNOWN_KEY ? 17 : 0, 2);
	dns_update_put_number(&data, 0, 2);
	answer->at[11]++;
	buf_append(answer, slice_sub(variables, 0, 13));
	dns_update_put_number(answer, 250, 2);
	dns_update_put_number(answer, 255, 2);
	dns_update_put_number(answer, 0, 4);
	dns_update_put_number(answer, data.len, 2);
	buf_append(answer, buf_slice(&data));
	buf_free(&input);
	buf_free(&data);
}

static void make_answer(struct slice message, bool stream, struct buf *answer)
{
	struct arena *own = arena_new();
	struct dns_update_reading asked;
	if (dns_update_read(message, own, &asked) && asked.tsig.there) {
		int deed = fake.deed;
		bool change = asked.opcode == OPCODE_UPDATE, text = !change && asked.type == DNS_UPDATE_TXT, cut = deed == CUT && !stream;
		unsigned code = deed == UNKNOWN_KEY ? 9 : deed == REFUSED ? 5 : 0;
		fake.changes += change && code == 0;
		fake.questions += !change;
		dns_update_put_number(answer, asked.id ^ (deed == FIRST_OF_ANOTHER && !stream), 2);
		dns_update_put_number(answer, 0x8400 | (change ? 0x2800 : 0) | (cut ? 0x0200 : 0) | code, 2);
		dns_update_put_number(answer, 1, 2);
		dns_update_put_number(answer, text && code == 0 && !cut, 2);
		dns_update_put_number(answer, !change && !text && code == 0 && !cut, 2);
		dns_update_put_number(answer, 0, 2);
		dns_update_put_name(answer, asked.name);
		dns_update_put_number(answer, asked.type, 2);
		dns_update_put_number(answer, 1, 2);
		if (text && code == 0 && !cut)
			buf_append(answer, unhex_in(own, "c00c001000010000003c0003024869"));
		if (!change && !text && code == 0 && !cut) { /* the SOA of example.org */
			dns_update_put_name(answer, SLICE("example.org"));
			buf_append(answer, unhex_in(own, "00060001000000010016000000000001000000010000000100000001000000" "01"));
		}
		if (deed != UNSIGNED && !cut && deed != REFUSED)
			sign_answer(own, answer, &asked);
		if (deed == RUBBISH)
			answer->len -= 3;
	}
	arena_free(&own);
}

static void serve_datagram(void)
{
	char packet[4096];
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	ssize_t got = recvfrom(fake.datagrams, packet, sizeof packet, 0, (struct sockaddr *)&from, &size);
	struct buf answer = BUF(MESSAGE_MAX);
	if (got > 0 && fake.deed != SILENT_DATAGRAMS)
		make_answer(slice_make(packet, (size_t)got), false, &answer);
	if (answer.len > 0)
		sendto(fake.datagrams, answer.at, answer.len, 0, (struct sockaddr *)&from, size);
	if (fake.deed == FIRST_OF_ANOTHER && answer.len > 0) { /* … and then the right one */
		buf_clear(&answer);
		fake.deed = RIGHT;
		make_answer(slice_make(packet, (size_t)got), false, &answer);
		sendto(fake.datagrams, answer.at, answer.len, 0, (struct sockaddr *)&from, size);
	}
	buf_free(&answer);
}

static void serve_stream(void)
{
	static char packet[MESSAGE_MAX + 2];
	int fd = accept(fake.listening, NULL, NULL);
	size_t len = 0, want = 2;
	while (len < want) {
		ssize_t got = recv(fd, packet + len, want - len, 0);
		if (got <= 0)
			break;
		len += (size_t)got;
		if (len == 2)
			want = 2 + ((size_t)(unsigned char)packet[0] << 8 | (unsigned char)packet[1]);
	}
	struct buf answer = BUF(MESSAGE_MAX), framed = BUF(MESSAGE_MAX + 2);
	fake.streams++;
	make_answer(slice_make(packet + 2, len > 2 ? len - 2 : 0), true, &answer);
	dns_update_put_number(&framed, answer.len, 2);
	buf_append(&framed, buf_slice(&answer));
	for (size_t i = 0; i < framed.len; i++) /* in as many pieces as it has bytes */
		send(fd, framed.at + i, 1, MSG_NOSIGNAL);
	buf_free(&framed);
	buf_free(&answer);
	close(fd);
}

static void *serve(void *unused)
{
	(void)unused;
	for (;;) {
		struct pollfd polled[] = {{.fd = fake.stop[0], .events = POLLIN}, {.fd = fake.datagrams, .events = POLLIN}, {.fd = fake.listening, .events = POLLIN}};
		poll(polled, 3, -1);
		if (polled[0].revents)
			return NULL;
		if (polled[1].revents)
			serve_datagram();
		if (polled[2].revents)
			serve_stream();
	}
}

static int begin_fake(void **state)
{
	begin(state);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	fake.changes = fake.questions = fake.streams = 0;
	do { /* one port for both */
		fake.listening = socket(AF_INET, SOCK_STREAM, 0);
		fake.datagrams = socket(AF_INET, SOCK_DGRAM, 0);
		address.sin_port = 0;
		if (bind(fake.listening, (struct sockaddr *)&address, size) != 0 || listen(fake.listening, 5) != 0 || getsockname(fake.listening, (struct sockaddr *)&address, &size) != 0)
			return -1;
	} while (bind(fake.datagrams, (struct sockaddr *)&address, size) != 0 && close(fake.listening) == 0 && close(fake.datagrams) == 0);
	memcpy(&server.address, &address, sizeof address);
	return pipe(fake.stop) == 0 && pthread_create(&fake.thread, NULL, serve, NULL) == 0 ? 0 : -1;
}

static int end_fake(void **state)
{
	if (write(fake.stop[1], "", 1) != 1)
		return -1;
	pthread_join(fake.thread, NULL);
	close(fake.datagrams);
	close(fake.listening);
	close(fake.stop[0]);
	close(fake.stop[1]);
	return end(state);
}

static bool set_text(struct error *error)
{
	return dns_update_txt(&server, SLICE("_acme-challenge.www.example.org"), (const struct slice[]){SLICE("one"), SLICE("two")}, 2, error);
}

static void texts_are_set(void **state)
{
	(void)state;
	struct error error;
	fake.deed = RIGHT;
	assert_true(set_text(&error));
	assert_int_equal(fake.changes, 1);
	assert_int_equal(fake.streams, 0);
	assert_true(dns_update_txt(&server, SLICE("_acme-challenge.www.example.org"), NULL, 0, &error));
	assert_int_equal(fake.changes, 2);
	fake.deed = CUT; /* over TCP, then */
	assert_true(set_text(&error));
	assert_int_equal(fake.streams, 3);
	fake.deed = FIRST_OF_ANOTHER; /* is passed over */
	assert_true(set_text(&error));
}

static void what_stands_there_is_seen(void **state)
{
	(void)state;
	struct dns_update_standing standing;
	struct lookup_record value;
	struct slice zone;
	struct error error;
	fake.deed = RIGHT;
	assert_true(dns_update_look(&server, SLICE("example.org"), DNS_UPDATE_TXT, arena, &standing, &error));
	assert_true(standing.exists && standing.alias.len == 0 && standing.count == 1);
	assert_true(dns_update_decode(LOOKUP_TXT, &standing.records[0], arena, &value));
	assert_true(slice_equal(value.data, SLICE("Hi")));
	fake.deed = UNSIGNED; /* that will do for a question */
	assert_true(dns_update_zone_of(&server, SLICE("a.b.example.org"), arena, &zone, &error));
	assert_true(slice_equal(zone, SLICE("example.org")));
	assert_false(dns_update_zone_of(&server, SLICE("other.test"), arena, &zone, &error));
	assert_non_null(strstr(error.text, "no zone with the name other.test"));
	assert_false(dns_update_zone_of(&server, SLICE("a..b"), arena, &zone, &error));
}

static void refusals_are_errors(void **state)
{
	(void)state;
	static const struct { enum deed deed; enum error_kind kind; const char *words; } cases[] = {
		{UNKNOWN_KEY, ERROR_DENIED, "doesn't know the key \"Key.example\" with hmac-sha256"}, {REFUSED, ERROR_DENIED, "REFUSED"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error error = {0};
		fake.deed = cases[i].deed;
		assert_false(set_text(&error));
		assert_int_equal(error.kind, cases[i].kind);
		if (!strstr(error.text, cases[i].words))
			fail_msg("%s", error.text);
		assert_int_equal(fake.changes, 0);
	}
}

/* Large changes go over TCP at once, where there is but one answer. */
static bool change_much(struct error *error)
{
	enum { MANY = 100 };
	struct dns_update_change list[MANY];
	for (size_t i = 0; i < MANY; i++)
		list[i] = (struct dns_update_change){DNS_UPDATE_ADD, {arena_printf(arena, "n%zu.example.org", i), DNS_UPDATE_A, 60, unhex("7f000001")}};
	return dns_update_change(&server, SLICE("example.org"), list, MANY, error);
}

static void answers_to_changes_must_be_signed(void **state)
{
	(void)state;
	static const struct { enum deed deed; const char *words; } cases[] = {
		{UNSIGNED, "isn't signed"}, {WRONG_SIGNATURE, "is wrong"}, {RUBBISH, "makes no sense"},
	};
	struct error error;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fake.deed = cases[i].deed;
		assert_false(change_much(&error));
		if (!strstr(error.text, cases[i].words))
			fail_msg("%s", error.text);
	}
	fake.deed = RIGHT;
	assert_true(change_much(&error));
	assert_int_equal(fake.streams, 4);
	assert_true(dns_update_change(&server, SLICE("example.org"), &(struct dns_update_change){DNS_UPDATE_REMOVE_ALL, {SLICE("www.example.org"), DNS_UPDATE_CNAME, 0, {NULL, 0}}}, 1, &error));
	fake.deed = SILENT_DATAGRAMS; /* what is small comes over TCP in the end */
	assert_true(set_text(&error));
}

static void nobody_there_is_said(void **state)
{
	(void)state;
	struct error error;
	((struct sockaddr_in *)&server.address)->sin_family = AF_INET;
	((struct sockaddr_in *)&server.address)->sin_port = htons(1);
	((struct sockaddr_in *)&server.address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_false(set_text(&error));
	assert_int_equal(error.kind, ERROR_TEMPORARY);
	assert_non_null(strstr(error.text, "connecting to the name server 127.0.0.1"));
}

/* ---- Which server ---- */

static void secrets_come_from_files(void **state)
{
	(void)state;
	static const char text[] = "dns_update = {\"example.org 127.0.0.1@5353 key=one secret=one.key\", \"sub.example.org 127.0.0.2 key=two secret=bad.key algorithm=hmac-sha512\"}\n";
	char folder[] = "/tmp/dnsupdate-test-XXXXXX";
	struct error error;
	struct config *config = config_parse(slice_of(text), "test.conf", &error);
	assert_non_null(config);
	assert_non_null(mkdtemp(folder));
	char *one = arena_text(arena, arena_printf(arena, "%s/one.key", folder));
	char *bad = arena_text(arena, arena_printf(arena, "%s/bad.key", folder));
	assert_true(file_replace(one, SLICE("AAECAwQFBgcICQoLDA0ODw==\n"), 0600, &error));
	assert_true(file_replace(bad, SLICE("no key\n"), 0600, &error));
	assert_true(dns_update_server_for(config, folder, SLICE("_dmarc.Example.org"), arena, &server, &error));
	assert_true(slice_equal(server.key, SLICE("one")) && server.secret.len == 16 && server.ttl == 3600);
	assert_int_equal(ntohs(((struct sockaddr_in *)&server.address)->sin_port), 5353);
	assert_false(dns_update_server_for(config, folder, SLICE("a.sub.example.org"), arena, &server, &error));
	assert_non_null(strstr(error.text, "in base64"));
	assert_null(strstr(error.text, "no key"));
	assert_false(dns_update_server_for(config, folder, SLICE("notexample.org"), arena, &server, &error));
	assert_int_equal(error.kind, ERROR_NOT_FOUND);
	unlink(one);
	unlink(bad);
	rmdir(folder);
	config_free(&config);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define SERVED(name) cmocka_unit_test_setup_teardown(name, begin_fake, end_fake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(changes_are_written), CASE(what_is_no_change_is_refused), CASE(records_are_bytes), CASE(damaged_records_are_none),
		CASE(signatures_are_what_another_program_computes), CASE(each_byte_of_an_answer_is_signed), CASE(refusals_of_a_signature_are_said_in_words),
		CASE(answers_are_read_strictly), SERVED(texts_are_set), SERVED(what_stands_there_is_seen), SERVED(refusals_are_errors),
		SERVED(answers_to_changes_must_be_signed), CASE(nobody_there_is_said), CASE(secrets_come_from_files),
	};
	int failed = cmocka_run_group_tests_name("dnsupdate", tests, NULL, NULL);
	config_free_all();
	return failed;
}
