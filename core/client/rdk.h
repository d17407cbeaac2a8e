/* librdkafka, loaded when it is first needed (core/base/lazy.h): to check properties that
 * only it knows, to produce and to tail what only it can reach.  Files that call it include
 * this and not its own header: each function's name stands for the loaded pointer,
 * whose type is the header's, so that calls look and are checked as ever.
 *
 * rdk_load comes first: in rdk_conf and rdk_check, one of which everybody who uses
 * the library begins with.  Any thread. */
#ifndef WEIR_CLIENT_RDK_H
#define WEIR_CLIENT_RDK_H

#include "core/base/lazy.h"

#include <librdkafka/rdkafka.h>

#define ROW LAZY_POINTER
extern struct rdk_functions {
#include "core/client/rdk.def"
} rdk;
#undef ROW

/* ERR_UNSUPPORTED: it is not installed here. */
enum err rdk_load(struct error *e) WEIR_MUST_CHECK;

#define rd_kafka_conf_destroy(...) rdk.rd_kafka_conf_destroy(__VA_ARGS__)
#define rd_kafka_conf_new(...) rdk.rd_kafka_conf_new(__VA_ARGS__)
#define rd_kafka_conf_set(...) rdk.rd_kafka_conf_set(__VA_ARGS__)
#define rd_kafka_conf_set_events(...) rdk.rd_kafka_conf_set_events(__VA_ARGS__)
#define rd_kafka_conf_set_log_cb(...) rdk.rd_kafka_conf_set_log_cb(__VA_ARGS__)
#define rd_kafka_conf_set_opaque(...) rdk.rd_kafka_conf_set_opaque(__VA_ARGS__)
#define rd_kafka_consume_batch_queue(...) rdk.rd_kafka_consume_batch_queue(__VA_ARGS__)
#define rd_kafka_consume_start_queue(...) rdk.rd_kafka_consume_start_queue(__VA_ARGS__)
#define rd_kafka_consume_stop(...) rdk.rd_kafka_consume_stop(__VA_ARGS__)
#define rd_kafka_destroy(...) rdk.rd_kafka_destroy(__VA_ARGS__)
#define rd_kafka_err2name(...) rdk.rd_kafka_err2name(__VA_ARGS__)
#define rd_kafka_err2str(...) rdk.rd_kafka_err2str(__VA_ARGS__)
#define rd_kafka_error_code(...) rdk.rd_kafka_error_code(__VA_ARGS__)
#define rd_kafka_error_destroy(...) rdk.rd_kafka_error_destroy(__VA_ARGS__)
#define rd_kafka_error_string(...) rdk.rd_kafka_error_string(__VA_ARGS__)
#define rd_kafka_event_destroy(...) rdk.rd_kafka_event_destroy(__VA_ARGS__)
#define rd_kafka_event_error(...) rdk.rd_kafka_event_error(__VA_ARGS__)
#define rd_kafka_event_error_string(...) rdk.rd_kafka_event_error_string(__VA_ARGS__)
#define rd_kafka_event_message_next(...) rdk.rd_kafka_event_message_next(__VA_ARGS__)
#define rd_kafka_event_type(...) rdk.rd_kafka_event_type(__VA_ARGS__)
#define rd_kafka_get_watermark_offsets(...) rdk.rd_kafka_get_watermark_offsets(__VA_ARGS__)
#define rd_kafka_header_add(...) rdk.rd_kafka_header_add(__VA_ARGS__)
#define rd_kafka_header_get_all(...) rdk.rd_kafka_header_get_all(__VA_ARGS__)
#define rd_kafka_headers_destroy(...) rdk.rd_kafka_headers_destroy(__VA_ARGS__)
#define rd_kafka_headers_new(...) rdk.rd_kafka_headers_new(__VA_ARGS__)
#define rd_kafka_last_error(...) rdk.rd_kafka_last_error(__VA_ARGS__)
#define rd_kafka_message_destroy(...) rdk.rd_kafka_message_destroy(__VA_ARGS__)
#define rd_kafka_message_errstr(...) rdk.rd_kafka_message_errstr(__VA_ARGS__)
#define rd_kafka_message_headers(...) rdk.rd_kafka_message_headers(__VA_ARGS__)
#define rd_kafka_message_timestamp(...) rdk.rd_kafka_message_timestamp(__VA_ARGS__)
#define rd_kafka_metadata(...) rdk.rd_kafka_metadata(__VA_ARGS__)
#define rd_kafka_metadata_destroy(...) rdk.rd_kafka_metadata_destroy(__VA_ARGS__)
#define rd_kafka_new(...) rdk.rd_kafka_new(__VA_ARGS__)
#define rd_kafka_offsets_for_times(...) rdk.rd_kafka_offsets_for_times(__VA_ARGS__)
#define rd_kafka_opaque(...) rdk.rd_kafka_opaque(__VA_ARGS__)
#define rd_kafka_poll(...) rdk.rd_kafka_poll(__VA_ARGS__)
#define rd_kafka_produceva(...) rdk.rd_kafka_produceva(__VA_ARGS__)
#define rd_kafka_purge(...) rdk.rd_kafka_purge(__VA_ARGS__)
#define rd_kafka_query_watermark_offsets(...) rdk.rd_kafka_query_watermark_offsets(__VA_ARGS__)
#define rd_kafka_queue_cb_event_enable(...) rdk.rd_kafka_queue_cb_event_enable(__VA_ARGS__)
#define rd_kafka_queue_destroy(...) rdk.rd_kafka_queue_destroy(__VA_ARGS__)
#define rd_kafka_queue_get_main(...) rdk.rd_kafka_queue_get_main(__VA_ARGS__)
#define rd_kafka_queue_new(...) rdk.rd_kafka_queue_new(__VA_ARGS__)
#define rd_kafka_queue_poll(...) rdk.rd_kafka_queue_poll(__VA_ARGS__)
#define rd_kafka_topic_conf_destroy(...) rdk.rd_kafka_topic_conf_destroy(__VA_ARGS__)
#define rd_kafka_topic_conf_new(...) rdk.rd_kafka_topic_conf_new(__VA_ARGS__)
#define rd_kafka_topic_conf_set(...) rdk.rd_kafka_topic_conf_set(__VA_ARGS__)
#define rd_kafka_topic_destroy(...) rdk.rd_kafka_topic_destroy(__VA_ARGS__)
#define rd_kafka_topic_name(...) rdk.rd_kafka_topic_name(__VA_ARGS__)
#define rd_kafka_topic_new(...) rdk.rd_kafka_topic_new(__VA_ARGS__)
#define rd_kafka_topic_partition_list_add(...) rdk.rd_kafka_topic_partition_list_add(__VA_ARGS__)
#define rd_kafka_topic_partition_list_destroy(...) rdk.rd_kafka_topic_partition_list_destroy(__VA_ARGS__)
#define rd_kafka_topic_partition_list_new(...) rdk.rd_kafka_topic_partition_list_new(__VA_ARGS__)
#define rd_kafka_version(...) rdk.rd_kafka_version(__VA_ARGS__)
#define rd_kafka_version_str(...) rdk.rd_kafka_version_str(__VA_ARGS__)

#endif
