/* Unit tests of Email objects (RFC 8621 §4): what is shown of a message, and messages made of what a client says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "jmap/email_make.h"

static int make_arena(void **state)
{
	*state = arena_new();
	return 0;
}

static int free_arena(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	return 0;
}

/* Compares with JSON in which ' stands for ". Takes `value`. */
static void assert_json(json_t *value, const char *expected)
{
	char text[8192];
	size_t len = strlen(expected);
	json_error_t error;
	assert_true(len < sizeof text);
	for (size_t i = 0; i <= len; i++)
		text[i] = expected[i] == '\'' ? '"' : expected[i];
	json_t *wanted = json_loads(text, JSON_DECODE_ANY, &error);
	if (!wanted)
		fail_msg("not JSON: %s", expected);
	if (!json_equal(value, wanted)) {
		char *found = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		fail_msg("found %s, expected %s", found, text);
	}
	json_decref(value);
	json_decref(wanted);
}

/* ---- header fields ---- */

/* The examples of §4.1.2.3 and §4.1.2.4, and what the other forms say. */
static void header_fields_have_forms(void **state)
{
	static const char list[] = " \"  James Smythe\" <james@example.com>, Friends:\r\n  jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?=\r\n  <john@example.com>;";
	static const struct { enum jmap_form form; const char *body, *expected; } cases[] = {
		{JMAP_ADDRESSES, list, "[{'name':'James Smythe','email':'james@example.com'},{'name':null,'email':'jane@example.com'},"
				       "{'name':'John Smîth','email':'john@example.com'}]"},
		{JMAP_GROUPS, list, "[{'name':null,'addresses':[{'name':'James Smythe','email':'james@example.com'}]},{'name':'Friends','addresses':["
				    "{'name':null,'email':'jane@example.com'},{'name':'John Smîth','email':'john@example.com'}]}]"},
		{JMAP_ADDRESSES, " a@b (Ann)", "[{'name':'Ann','email':'a@b'}]"}, {JMAP_ADDRESSES, " \"=?utf-8?q?x?=\" <a@b>", "[{'name':'=?utf-8?q?x?=','email':'a@b'}]"},
		{JMAP_ADDRESSES, "", "[]"}, {JMAP_ADDRESSES, " \"a b\"@c", "[{'name':null,'email':'\\\"a b\\\"@c'}]"}, {JMAP_ADDRESSES, " Friends:;", "[]"},
		{JMAP_GROUPS, " Friends:;", "[{'name':'Friends','addresses':[]}]"},
		{JMAP_RAW, " =?utf-8?q?a?=\r\n b", "' =?utf-8?q?a?=\\r\\n b'"}, {JMAP_RAW, " a\xff", "' a\xef\xbf\xbd'"},
		{JMAP_TEXT, "  =?utf-8?q?caf=C3=A9?=\r\n b ", "'café b '"}, {JMAP_TEXT, "a=?utf-8?q?b?=", "'a=?utf-8?q?b?='"},
		{JMAP_MESSAGE_IDS, " <a@b> (c)\r\n <d@e>", "['a@b','d@e']"}, {JMAP_MESSAGE_IDS, " a@b", "null"}, {JMAP_MESSAGE_IDS, "", "null"},
		{JMAP_MESSAGE_IDS, " <a@b> x", "null"}, {JMAP_MESSAGE_IDS, " <a\r\n @b>", "['a@b']"},
		{JMAP_DATE, " Tue, 10 Jul 2018 11:03:11 +1000", "'2018-07-10T11:03:11+10:00'"}, {JMAP_DATE, " 10 Jul 2018 01:03:11 -0000 (x)", "'2018-07-10T01:03:11Z'"},
		{JMAP_DATE, " Tue, 10 Jul 2018 11:03:11 -0330", "'2018-07-10T11:03:11-03:30'"}, {JMAP_DATE, " soon", "null"},
		{JMAP_URLS, " <mailto:a@b>, (Web)\r\n <http://c/ d>", "['mailto:a@b','http://c/d']"}, {JMAP_URLS, " NO (posting isn't allowed)", "null"},
		{JMAP_URLS, " <a:b> x, <c:d>", "['a:b']"}, {JMAP_URLS, " <a:b>, c:d, <e:f>", "['a:b']"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_json(jmap_header_value(slice_of(cases[i].body), cases[i].form, *state), cases[i].expected);
}

/* §4.1.2, §4.1.3: names, suffixes in their order, forms for fields that have them. */
static void forms_are_for_their_fields(void **state)
{
	(void)state;
	static const struct { const char *property; bool allowed; } cases[] = {
		{"header:From", true}, {"header:from:asAddresses", true}, {"header:FROM:asGroupedAddresses:all", true}, {"header:From:asDate", false},
		{"header:From:asText", false}, {"header:Subject:asText", true}, {"header:Subject:asAddresses", false}, {"header:Subject:all", true},
		{"header:X-Any:asURLs", true}, {"header:X-Any:asDate", true}, {"header:List-Post:asURLs", true}, {"header:List-Post:asText", false},
		{"header:List-Id:asText", true}, {"header:Received:asText", false}, {"header:Received:asRaw:all", true}, {"header:Date:asDate", true},
		{"header:Date:asText", false}, {"header:References:asMessageIds", true}, {"header:Return-Path:asAddresses", false}, {"header:", false},
		{"header::asText", false}, {"header:a b", false}, {"header:X:all:asText", false}, {"header:X:astext", false}, {"header:X:as", false},
		{"header:X:all:", false}, {"header:X:", false}, {"header:X:any", false}, {"header:\xc3\xa9", false}, {"Header:X", false}, {"header:Resent-To:asAddresses:all", true},
	};
	struct jmap_header_property property;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (jmap_header_property_parse(cases[i].property, &property) != cases[i].allowed)
			fail_msg("%s", cases[i].property);
}

/* ---- messages ---- */

static json_t *arguments_of(const char *text)
{
	char json[2048];
	json_error_t error;
	size_t len = strlen(text);
	assert_true(len < sizeof json);
	for (size_t i = 0; i <= len; i++)
		json[i] = text[i] == '\'' ? '"' : text[i];
	json_t *arguments = json_loads(json, 0, &error);
	assert_non_null(arguments);
	return arguments;
}

static json_t *show_slice(struct slice message, const char *text, struct arena *arena)
{
	json_t *arguments = arguments_of(text), *email = json_object();
	struct jmap_email_wanted wanted;
	struct error error;
	uint64_t values = 0;
	if (!jmap_email_wanted_read(arguments, true, arena, &wanted, &error))
		fail_msg("%s", error.text);
	struct mime_part *root = mime_parse(message, arena);
	root->envelope->preview = message_preview(message, root, arena);
	bool header = wanted.needs_header || root->envelope->irregular;
	struct jmap_email_source source = {root, header ? slice_sub(message, 0, (size_t)root->header_size) : slice_make(NULL, 0), message, SLICE("b1"), arena, &values};
	jmap_email_content(email, &wanted, &source);
	json_t *copy = json_deep_copy(email);
	json_decref(email);
	json_decref(arguments);
	return copy;
}

static json_t *show(const char *message, const char *text, struct arena *arena) { return show_slice(slice_of(message), text, arena); }

/* What the summary says is what the header says. */
static void fields_are_shown_from_the_summary_or_the_header(void **state)
{
	static const char message[] = "From: Ann <a@x>\r\nTo: b@x, g: c@x;\r\nSubject: =?utf-8?q?=C3=A9?=\r\nDate: Tue, 10 Jul 2018 11:03:11 +1000\r\nMessage-ID: <1@x>\r\n"
				      "References: <0@x>\r\nX-A: 1\r\nX-a: 2\r\n\r\nhi\r\n";
	static const char expected[] = "{'from':[{'name':'Ann','email':'a@x'}],'to':[{'name':null,'email':'b@x'},{'name':null,'email':'c@x'}],'cc':null,'subject':'é',"
				       "'sentAt':'2018-07-10T11:03:11+10:00','messageId':['1@x'],'references':['0@x'],'inReplyTo':null,'preview':'hi'";
	char text[2048];
	snprintf(text, sizeof text, "%s}", expected);
	assert_json(show(message, "{'properties':['from','to','cc','subject','sentAt','messageId','references','inReplyTo','preview']}", *state), text);
	snprintf(text, sizeof text, "%s,'header:x-a':' 2','header:X-A:asText:all':['1','2'],'header:no':null,'header:no:all':[]}", expected);
	assert_json(show(message, "{'properties':['from','to','cc','subject','sentAt','messageId','references','inReplyTo','preview','header:x-a','header:X-A:asText:all',"
				  "'header:no','header:no:all']}", *state), text);
	/* the last of several, and an empty list */
	assert_json(show("Subject: a\r\nSubject: b\r\nTo: \r\n\r\n", "{'properties':['subject','to']}", *state), "{'subject':'b','to':[]}");
}

static const char nested[] =
	"Content-Type: multipart/mixed; boundary=1\r\n\r\n"
	"--1\r\nContent-Disposition: inline\r\n\r\nA\r\n"
	"--1\r\nContent-Type: multipart/mixed; boundary=2\r\n\r\n"
	"--2\r\nContent-Type: multipart/alternative; boundary=3\r\n\r\n"
	"--3\r\nContent-Type: multipart/mixed; boundary=4\r\n\r\n--4\r\nContent-Type: text/plain\r\nContent-Disposition: inline\r\n\r\nB\r\n"
	"--4\r\nContent-Type: image/jpeg\r\nContent-Disposition: inline\r\n\r\nC\r\n--4\r\nContent-Type: text/plain\r\nContent-Disposition: inline\r\n\r\nD\r\n--4--\r\n"
	"--3\r\nContent-Type: multipart/related; boundary=5\r\n\r\n--5\r\nContent-Type: text/html\r\n\r\n<p>E</p>\r\n--5\r\nContent-Type: image/jpeg\r\n\r\nF\r\n--5--\r\n--3--\r\n"
	"--2\r\nContent-Type: image/jpeg\r\nContent-Disposition: attachment\r\n\r\nG\r\n--2\r\nContent-Type: application/x-excel\r\n\r\nH\r\n"
	"--2\r\nContent-Type: message/rfc822\r\n\r\nSubject: J\r\n\r\nJ\r\n--2--\r\n"
	"--1\r\nContent-Type: text/plain\r\nContent-Disposition: inline\r\n\r\nK\r\n--1--\r\n";

/* The example of §4.1.4: parts are A=1, B=2, C=3, D=4, E=5, F=6, G=7, H=8, J=9, K=10. */
static void parts_are_sorted(void **state)
{
	assert_json(show(nested, "{'properties':['textBody','htmlBody','attachments','hasAttachment'],'bodyProperties':['partId']}", *state),
		    "{'textBody':[{'partId':'1'},{'partId':'2'},{'partId':'3'},{'partId':'4'},{'partId':'10'}],'htmlBody':[{'partId':'1'},{'partId':'5'},{'partId':'10'}],"
		    "'attachments':[{'partId':'3'},{'partId':'6'},{'partId':'7'},{'partId':'8'},{'partId':'9'}],'hasAttachment':true}");
	assert_json(show(nested, "{'properties':['bodyValues'],'fetchTextBodyValues':true}", *state),
		    "{'bodyValues':{'1':{'value':'A','isEncodingProblem':false,'isTruncated':false},'2':{'value':'B','isEncodingProblem':false,'isTruncated':false},"
		    "'4':{'value':'D','isEncodingProblem':false,'isTruncated':false},'10':{'value':'K','isEncodingProblem':false,'isTruncated':false}}}");
}

static void parts_say_what_they_are(void **state)
{
	assert_json(show("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=UTF-8; name=a\r\nContent-Transfer-Encoding: base64\r\n"
			 "Content-Language: en-GB, de (x)\r\nContent-ID: <c@d>\r\n\r\naGVsbG8=\r\n--b\r\nContent-Type: image/png\r\nContent-Location: http://x/\r\n"
			 "Content-Disposition: attachment; filename*=utf-8''%c3%a9\r\n\r\n\r\n--b--\r\n", "{'properties':['bodyStructure']}", *state),
		    "{'bodyStructure':{'partId':null,'blobId':null,'size':281,'name':null,'type':'multipart/mixed','charset':null,'disposition':null,'cid':null,'language':null,"
		    "'location':null,'subParts':[{'partId':'1','blobId':'b1-1','size':5,'name':'a','type':'text/plain','charset':'UTF-8','disposition':null,'cid':'c@d',"
		    "'language':['en-GB','de'],'location':null},{'partId':'2','blobId':'b1-2','size':0,'name':'é','type':'image/png','charset':null,"
		    "'disposition':'attachment','cid':null,'language':null,'location':'http://x/'}]}}");
	assert_json(show("\r\nx", "{'properties':['bodyStructure'],'bodyProperties':['type','charset','header:Content-Type','headers']}", *state),
		    "{'bodyStructure':{'type':'text/plain','charset':'us-ascii','header:Content-Type':null,'headers':[]}}");
}

/* Decoded, cut at characters and outside of tags; problems are told. */
static void values_are_decoded_and_cut(void **state)
{
	static const struct { const char *message, *max, *value; bool problem, cut; } cases[] = {
		{"\r\na\r\nb\r\n", "0", "a\nb\n", false, false}, {"Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xa9\xc3\xa9", "3", "é", false, true},
		{"Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xa9", "2", "é", false, false}, {"Content-Type: text/plain; charset=utf-8\r\n\r\na\xff", "0", "a\xef\xbf\xbd", true, false},
		{"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E9", "0", "é", false, false},
		{"Content-Type: text/plain; charset=x-unheard\r\n\r\na", "0", "a", true, false}, {"Content-Transfer-Encoding: x-none\r\n\r\na", "0", "a", true, false},
		{"Content-Type: text/html\r\n\r\n<p>ab<a href=x>c</a>", "10", "<p>ab", false, true}, {"Content-Type: text/html\r\n\r\n1 < 2 and so", "6", "1 < 2 ", false, true},
		{"Content-Type: text/plain\r\n\r\n<p>ab<a href=x>c</a>", "10", "<p>ab<a hr", false, true}, {"Content-Type: text/plain; charset=us-ascii\r\n\r\n\xc3\xa9", "0", "é", true, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char arguments[200];
		snprintf(arguments, sizeof arguments, "{'properties':['bodyValues'],'fetchAllBodyValues':true,'maxBodyValueBytes':%s}", cases[i].max);
		json_t *email = show(cases[i].message, arguments, *state), *value = json_object_get(json_object_get(email, "bodyValues"), "1");
		assert_string_equal(json_string_value(json_object_get(value, "value")), cases[i].value);
		assert_int_equal(json_is_true(json_object_get(value, "isEncodingProblem")), cases[i].problem);
		assert_int_equal(json_is_true(json_object_get(value, "isTruncated")), cases[i].cut);
		json_decref(email);
	}
}

static void what_cannot_be_had_is_refused(void **state)
{
	static const char *const cases[] = {
		"{'properties':['header:From:asDate']}", "{'properties':['none']}", "{'properties':'id'}", "{'properties':[1]}", "{'bodyProperties':['subject']}",
		"{'bodyProperties':['header:From:asURLs']}", "{'maxBodyValueBytes':-1}", "{'maxBodyValueBytes':'1'}", "{'fetchAllBodyValues':1}",
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jmap_email_wanted wanted;
		struct error error;
		json_t *arguments = arguments_of(cases[i]);
		if (jmap_email_wanted_read(arguments, false, *state, &wanted, &error))
			fail_msg("%s", cases[i]);
		json_decref(arguments);
	}
}

/* ---- creation ---- */

static bool find_blob(void *context, struct slice id, struct slice *bytes)
{
	(void)context;
	if (slice_equal(id, SLICE("binary")))
		*bytes = slice_make("\x00\x01\xff\n", 4);
	else if (slice_equal(id, SLICE("message")))
		*bytes = SLICE("Subject: inside\r\n\r\ntext\r\n");
	else
		return false;
	return true;
}

static bool add(void *context, struct slice bytes) { return buf_append(context, bytes); }

/* Makes a message; NULL, with *refused. */
static struct slice make(const char *text, json_t **refused, struct arena *arena)
{
	json_t *email = arguments_of(text);
	struct jmap_making making = {.arena = arena, .find_blob = find_blob, .domain = SLICE("example.test"), .now = 1531184591};
	struct buf out = BUF(1 << 20);
	*refused = jmap_email_check(&making, email);
	if (!*refused)
		assert_true(jmap_email_write(&making, add, &out));
	struct slice message = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	json_decref(email);
	return message;
}

/* What a client wrote is what it reads. */
static void what_is_made_can_be_read(void **state)
{
	static const struct { const char *email, *wanted, *expected; } cases[] = {
		{"{'from':[{'name':'Joe Bloggs','email':'joe@example.com'}],'subject':'World domination','sentAt':'2018-07-10T11:03:11+10:00',"
		 "'bodyStructure':{'type':'text/plain','partId':'bd48','header:Content-Language':'en'},'bodyValues':{'bd48':{'value':'I have the most brilliant plan.\\nx','isTruncated':false}}}",
		 "{'properties':['from','subject','sentAt','bodyValues','header:Content-Language:asText','header:Content-Type:asText'],'fetchAllBodyValues':true}",
		 "{'from':[{'name':'Joe Bloggs','email':'joe@example.com'}],'subject':'World domination','sentAt':'2018-07-10T11:03:11+10:00','header:Content-Language:asText':'en',"
		 "'header:Content-Type:asText':'text/plain; charset=utf-8','bodyValues':{'1':{'value':'I have the most brilliant plan.\\nx','isEncodingProblem':false,'isTruncated':false}}}"},
		{"{'to':[{'name':'Zoë, \\\"Z\\\" (é)','email':'z@x'},{'email':'y@x'}],'header:X-G:asGroupedAddresses':[{'name':null,'addresses':[{'email':'a@x'}]},{'name':'Ä b','addresses':[{'name':'c','email':'c@x'}]},"
		 "{'name':'e','addresses':[]}],'subject':'äöü ßßß and a long line of text that has to be folded since it takes more than one line of seventy-six characters','references':['a@x','b@x'],"
		 "'header:X-T:asText:all':['1','é'],'header:List-Post:asURLs':['mailto:a@x','http://b/'],'header:X-R':' raw =?utf-8?q?a?='}",
		 "{'properties':['to','header:X-G:asGroupedAddresses','subject','references','header:X-T:asText:all','header:List-Post:asURLs','header:X-R']}",
		 "{'to':[{'name':'Zoë, \\\"Z\\\" (é)','email':'z@x'},{'name':null,'email':'y@x'}],'header:X-G:asGroupedAddresses':[{'name':null,'addresses':[{'name':null,'email':'a@x'}]},"
		 "{'name':'Ä b','addresses':[{'name':'c','email':'c@x'}]},{'name':'e','addresses':[]}],'subject':'äöü ßßß and a long line of text that has to be folded since it takes more than one line of seventy-six characters',"
		 "'references':['a@x','b@x'],'header:X-T:asText:all':['1','é'],'header:List-Post:asURLs':['mailto:a@x','http://b/'],'header:X-R':' raw =?utf-8?q?a?='}"},
		{"{'textBody':[{'partId':'t','type':'text/plain'}],'htmlBody':[{'partId':'h','type':'text/html'}],'attachments':[{'blobId':'binary','type':'image/png','name':'é.png','disposition':'attachment'},"
		 "{'blobId':'binary','type':'image/gif','cid':'i@x','disposition':'inline'},{'blobId':'message','type':'message/rfc822'}],'bodyValues':{'t':{'value':'tëxt'},'h':{'value':'<p>'}}}",
		 "{'properties':['textBody','htmlBody','attachments','hasAttachment'],'bodyProperties':['type','size','name','cid','disposition']}",
		 "{'textBody':[{'type':'text/plain','size':5,'name':null,'cid':null,'disposition':null}],'htmlBody':[{'type':'text/html','size':3,'name':null,'cid':null,'disposition':null}],"
		 "'attachments':[{'type':'image/gif','size':4,'name':null,'cid':'i@x','disposition':'inline'},{'type':'image/png','size':4,'name':'é.png','cid':null,'disposition':'attachment'},"
		 "{'type':'message/rfc822','size':25,'name':null,'cid':null,'disposition':null}],'hasAttachment':true}"},
		{"{'attachments':[{'blobId':'binary','type':'image/png','language':['en','de'],'location':'http://x/'}]}",
		 "{'properties':['attachments','bodyStructure'],'bodyProperties':['type','language','location']}",
		 "{'attachments':[],'bodyStructure':{'type':'multipart/mixed','language':null,'location':null,'subParts':[{'type':'image/png','language':['en','de'],'location':'http://x/'}]}}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *refused;
		struct slice message = make(cases[i].email, &refused, *state);
		if (refused)
			fail_msg("%zu: %s", i, json_dumps(refused, 0));
		assert_true(slice_is_ascii(message));
		assert_json(show_slice(message, cases[i].wanted, *state), cases[i].expected);
	}
}

/* RFC 5322 §3.6: what isn't given is generated. */
static void date_and_id_are_made(void **state)
{
	json_t *refused;
	struct slice message = make("{}", &refused, *state);
	assert_null(refused);
	json_t *email = show_slice(message, "{'properties':['messageId','sentAt']}", *state);
	assert_string_equal(json_string_value(json_object_get(email, "sentAt")), "2018-07-10T01:03:11Z");
	assert_int_equal(json_array_size(json_object_get(email, "messageId")), 1);
	json_decref(email);
}

static void what_contradicts_itself_is_refused(void **state)
{
	static const char *const cases[] = {
		"{'headers':[]}", "{'from':[],'header:from:asAddresses':[]}", "{'header:From:asDate':null}", "{'header:Content-Type':'a/b'}", "{'none':1}", "{'id':'x'}", "{'size':1}",
		"{'bodyStructure':{'partId':'1','type':'text/plain'},'textBody':[{'partId':'1'}],'bodyValues':{'1':{'value':''}}}",
		"{'subject':'a','bodyStructure':{'partId':'1','header:Subject':'b'},'bodyValues':{'1':{'value':''}}}", "{'textBody':[]}",
		"{'textBody':[{'partId':'1','type':'text/html'}],'bodyValues':{'1':{'value':''}}}", "{'htmlBody':[{'partId':'1','type':'text/plain'}],'bodyValues':{'1':{'value':''}}}",
		"{'textBody':[{'partId':'1'},{'partId':'1'}],'bodyValues':{'1':{'value':''}}}", "{'textBody':[{'partId':'2'}],'bodyValues':{'1':{'value':''}}}",
		"{'textBody':[{'partId':'1','blobId':'binary'}],'bodyValues':{'1':{'value':''}}}", "{'textBody':[{'partId':'1','charset':'utf-8'}],'bodyValues':{'1':{'value':''}}}",
		"{'textBody':[{'partId':'1','size':1}],'bodyValues':{'1':{'value':''}}}", "{'textBody':[{'partId':'1','header:Content-Transfer-Encoding':'7bit'}],'bodyValues':{'1':{'value':''}}}",
		"{'textBody':[{'partId':'1','headers':[]}],'bodyValues':{'1':{'value':''}}}", "{'bodyValues':{'1':{'value':'','isTruncated':true}}}", "{'bodyValues':{'1':{'value':'','isEncodingProblem':true}}}",
		"{'bodyStructure':{'type':'multipart/mixed'}}", "{'bodyStructure':{'type':'multipart/mixed','subParts':[]}}", "{'bodyStructure':{'type':'text/plain','subParts':[]}}",
		"{'attachments':[{'type':'image/png'}]}", "{'subject':1}", "{'from':'a@b'}", "{'from':[{'name':'x'}]}", "{'from':[{'email':'a\\nb'}]}", "{'sentAt':'yesterday'}", "{'messageId':['a b']}",
		"{'header:X':'a\\nb'}", "{'header:X:all':'a'}", "{'attachments':[{'blobId':'binary','type':'x'}]}", "{'attachments':[{'blobId':'binary','type':'a/b','cid':'<x>'}]}",
		"{'attachments':[{'blobId':'binary','type':'a/b','header:Content-Type':'a/b'}]}", "{'preview':'x'}", "{'hasAttachment':true}", "{'bodyStructure':[]}",
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *refused;
		make(cases[i], &refused, *state);
		if (!refused || strcmp(json_string_value(json_object_get(refused, "type")), "invalidProperties") != 0)
			fail_msg("%s", cases[i]);
		json_decref(refused);
	}
	json_t *refused;
	make("{'attachments':[{'blobId':'a','type':'a/b'},{'blobId':'b','type':'a/b'}]}", &refused, *state);
	json_object_del(refused, "description");
	assert_json(refused, "{'type':'blobNotFound','notFound':['a','b']}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(header_fields_have_forms, make_arena, free_arena),
		cmocka_unit_test(forms_are_for_their_fields),
		cmocka_unit_test_setup_teardown(fields_are_shown_from_the_summary_or_the_header, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(parts_are_sorted, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(parts_say_what_they_are, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(values_are_decoded_and_cut, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(what_cannot_be_had_is_refused, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(what_is_made_can_be_read, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(date_and_id_are_made, make_arena, free_arena),
		cmocka_unit_test_setup_teardown(what_contradicts_itself_is_refused, make_arena, free_arena),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
