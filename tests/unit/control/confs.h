/*
 * confs.h - good configurations that the control tests begin with.
 */
#ifndef PENSTOCK_TESTS_UNIT_CONTROL_CONFS_H
#define PENSTOCK_TESTS_UNIT_CONTROL_CONFS_H

#define CONF_MACHINE                                                                               \
	"machine:\n"                                                                               \
	"  cores: [1]\n"                                                                           \
	"  ports:\n"                                                                               \
	"    - {name: outside, device: packet:out0, addresses: [203.0.113.10/24, "                 \
	"\"2001:db8::10/64\"], gateways: [203.0.113.1]}\n"                                         \
	"    - {name: inside, device: packet:in0, addresses: [10.0.0.5/24]}\n"

#define CONF_LISTENERS                                                                             \
	"listeners:\n"                                                                             \
	"  - {name: web, address: \"203.0.113.10:80\", farm: app}\n"

#define CONF_FARMS                                                                                 \
	"farms:\n"                                                                                 \
	"  - name: app\n"                                                                          \
	"    servers: [{name: a, address: 10.0.0.11, http_port: 8080}, {name: b, address: "        \
	"10.0.0.12, http_port: 8080}]\n"

#define CONF_GOOD CONF_MACHINE CONF_LISTENERS CONF_FARMS

#endif
