// An OPC UA server made of node-opcua: obeys command lines on stdin, as adapters/simulated/opcua_server.py does.
// node finds its packages through NODE_PATH: they are installed outside the source tree (scripts/node-peer).
"use strict";

globalThis.crypto ??= require("node:crypto").webcrypto; // Node.js 18, as Debian 12 has it
for (const level of ["log", "info", "warn"]) console[level] = console.error; // stdout is for answers

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { parseArgs } = require("node:util");
const { nodesetCatalog, nodesets } = require("node-opcua-nodesets");
const { OPCUAServer } = require("node-opcua-server");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { MessageSecurityMode, SecurityPolicy } = require("node-opcua-secure-channel");
const { StatusCodes } = require("node-opcua-status-code");
const { DataType, Variant } = require("node-opcua-variant");

const HOST = "127.0.0.1";
const PARSERS = {
  int: (text) => ({ dataType: DataType.Int32, value: Number.parseInt(text, 10) }),
  uint: (text) => ({ dataType: DataType.UInt32, value: Number.parseInt(text, 10) }),
  float: (text) => ({ dataType: DataType.Double, value: Number.parseFloat(text) }),
  bool: (text) => ({ dataType: DataType.Boolean, value: text === "true" }),
  text: (text) => ({ dataType: DataType.String, value: text.replaceAll("\\0", "\0") }),
};

const { values: options } = parseArgs({
  options: {
    pki: { type: "string" }, // where it keeps certificates: a folder of the test's own
    port: { type: "string", default: "0" },
    certificate: { type: "string" }, // PEM files; without them it makes its own
    key: { type: "string" },
    policy: { type: "string", multiple: true, default: ["None"] },
    mode: { type: "string", default: "SignAndEncrypt" },
    "accept-any": { type: "boolean", default: false }, // client certificates
    user: { type: "string" },
    password: { type: "string", default: "" },
    anonymous: { type: "boolean", default: false }, // beside the user
    "max-sessions": { type: "string", default: "10" },
    "max-nodes-per-read": { type: "string", default: "0" },
    "max-items-per-call": { type: "string", default: "0" },
    "max-items": { type: "string", default: "0" }, // in one subscription
    "max-subscriptions": { type: "string", default: "0" }, // of all clients together
    nodeset: { type: "string", multiple: true, default: [] }, // a name known to node-opcua-nodesets, or an XML file
    instance: { type: "string", multiple: true, default: [] }, // [PARENT/]NAME=URI;TYPE[;OPTIONAL,OPTIONAL.CHILD]
    namespace: { type: "string", default: "urn:peer:machine" },
    variable: { type: "string", multiple: true, default: [] }, // ID=KIND:VALUE, a string id in the namespace
  },
});

const seen = new Map(); // requests by name
const tokens = new Set(); // channel tokens under which something was asked: one more at each renewal
const byId = new Map(); // the variables that --variable made

const say = (line) => process.stdout.write(`${line}\n`);

function variant(text) {
  const [kind, value] = cut(text, ":");
  if (!PARSERS[kind]) throw new Error(`expected KIND:VALUE, with KIND one of ${Object.keys(PARSERS).join(", ")}`);
  return new Variant(PARSERS[kind](value));
}

function cut(text, at) {
  const index = text.indexOf(at);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + at.length)];
}

// The files of a nodeset and of all that it builds on, in the order in which they must be loaded.
function files(name) {
  const known = nodesetCatalog.find((entry) => entry.name === name);
  return known ? [...(known.dependencies ?? []).flatMap(files), nodesets[name]] : [path.resolve(name)];
}

function certificates(folder) {
  return new OPCUACertificateManager({
    rootFolder: path.join(options.pki, folder),
    automaticallyAcceptUnknownCertificate: options["accept-any"],
    disableFileWatchers: true,
  });
}

// The name of a browse path below Objects: /CncInterface/CncChannelList/… without namespace indices.
function found(addressSpace, text) {
  if (byId.has(text)) return byId.get(text);
  let node = addressSpace.rootFolder.objects;
  for (const name of text.split("/").filter(Boolean)) {
    const children = node.findReferencesExAsObject("HierarchicalReferences");
    node = children.find((child) => child.browseName.name === name);
    if (!node) throw new Error(`${text}: there is no ${name}`);
  }
  return node;
}

function build(addressSpace) {
  const own = addressSpace.registerNamespace(options.namespace);
  const folder = own.addFolder(addressSpace.rootFolder.objects, { browseName: "Machine" });
  for (const text of options.variable) {
    const [id, value] = cut(text, "=");
    const node = own.addVariable({
      componentOf: folder,
      browseName: id.split("/").at(-1),
      nodeId: `s=${id}`,
      dataType: variant(value).dataType,
    });
    node.setValueFromSource(variant(value));
    byId.set(id, node);
  }
  for (const text of options.instance) {
    const [way, type] = cut(text, "=");
    const parent = found(addressSpace, way.split("/").slice(0, -1).join("/"));
    const [uri, name, optionals = ""] = type.split(";");
    const index = addressSpace.getNamespaceIndex(uri);
    const made = addressSpace.findObjectType(name, index);
    if (!made) throw new Error(`there is no type ${name} in ${uri}: load its nodeset`);
    made.instantiate({
      namespace: own,
      browseName: way.split("/").at(-1),
      organizedBy: parent,
      optionals: optionals.split(",").filter(Boolean),
    });
  }
}

const COMMANDS = {
  set(server, words) {
    const [place, value] = cut(words, " ");
    found(server.engine.addressSpace, place).setValueFromSource(variant(value));
  },
  bad(server, words) {
    const node = found(server.engine.addressSpace, words);
    node.setValueFromSource(node.readValue().value, StatusCodes.BadSensorFailure);
  },
  gone: (server, words) => server.engine.addressSpace.deleteNode(found(server.engine.addressSpace, words)),
  id: (server, words) => found(server.engine.addressSpace, words).nodeId.toString(),
  children: (server, words) =>
    found(server.engine.addressSpace, words)
      .findReferencesExAsObject("HierarchicalReferences")
      .map((child) => child.browseName.name)
      .join(" "),
  sessions: (server) => server.engine.currentSessionCount,
  subscriptions: (server) => server.engine.currentSubscriptionCount,
  tokens: () => tokens.size,
  channels: (server) => server.currentChannelCount,
  requests: (_server, words) => seen.get(words) ?? 0,
  trust: (server, words) => server.serverCertificateManager.trustCertificate(fs.readFileSync(words)),
  "trust-user": (server, words) => server.userCertificateManager.trustCertificate(fs.readFileSync(words)),
};

async function obey(server, line) {
  const [name, words] = cut(line, " ");
  if (!COMMANDS[name]) return `error unknown command ${name}; known: ${Object.keys(COMMANDS).join(", ")}`;
  try {
    const answer = await COMMANDS[name](server, words);
    return ["string", "number"].includes(typeof answer) ? `ok ${answer}` : `ok ${line}`;
  } catch (error) {
    return `error ${error.message}`;
  }
}

async function main() {
  const policies = options.policy.map((name) => SecurityPolicy[name]);
  const modes = policies.some((policy) => policy !== SecurityPolicy.None) ? [MessageSecurityMode[options.mode]] : [];
  if (policies.includes(SecurityPolicy.None)) modes.push(MessageSecurityMode.None);
  const server = new OPCUAServer({
    host: HOST,
    hostname: HOST,
    port: Number(options.port),
    securityPolicies: policies,
    securityModes: modes,
    allowAnonymous: options.anonymous || !options.user,
    certificateFile: options.certificate,
    privateKeyFile: options.key,
    serverCertificateManager: certificates("server"),
    userCertificateManager: certificates("users"),
    userManager: { isValidUser: (name, password) => name === options.user && password === options.password },
    serverInfo: { applicationUri: "urn:peer:node-opcua", productUri: "urn:peer", applicationName: { text: "peer" } },
    nodeset_filename: [...new Set(["standard", ...options.nodeset].flatMap(files))],
    serverCapabilities: {
      maxSessions: Number(options["max-sessions"]),
      maxSubscriptions: Number(options["max-subscriptions"]),
      maxMonitoredItemsPerSubscription: Number(options["max-items"]),
      operationLimits: {
        maxNodesPerRead: Number(options["max-nodes-per-read"]),
        maxMonitoredItemsPerCall: Number(options["max-items-per-call"]),
      },
    },
  });
  await server.initialize();
  build(server.engine.addressSpace);
  server.on("request", (request) => {
    const name = request.schema.name.replace(/Request$/, "");
    seen.set(name, (seen.get(name) ?? 0) + 1);
  });
  await server.start();
  server.endpoints[0].on("newChannel", (channel) =>
    channel.on("message", ({ securityHeader }) => tokens.add(`${channel.hashKey} ${securityHeader.tokenId}`)),
  );
  process.on("SIGTERM", () => process.exit(0));
  say(`ready opc.tcp://${HOST}:${server.endpoints[0].port}`);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line.trim() === "quit") break;
    if (line.trim()) say(await obey(server, line.trim()));
  }
  await server.shutdown(0);
  process.exit(0);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
