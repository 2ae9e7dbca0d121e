/**
 * Preloaded module of a deployed function: images.example resolves to a public address, and connections to it go to the
 * port `PUBLIC_PORT` of this machine. Everything else is as it was.
 */
import type { LookupAddress } from "node:dns";
import dns from "node:dns/promises";
import { syncBuiltinESMExports } from "node:module";
import net, { type NetConnectOpts } from "node:net";

const name = "images.example";
const { lookup } = dns;
const { connect } = net;

dns.lookup = ((hostname: string, options: object) =>
  hostname === name
    ? Promise.resolve<LookupAddress[]>([{ address: "93.184.215.14", family: 4 }])
    : lookup(hostname, options)) as typeof lookup;

net.connect = ((options: NetConnectOpts) =>
  "host" in options && options.host === name
    ? connect({ host: "127.0.0.1", port: Number(process.env.PUBLIC_PORT) })
    : connect(options)) as typeof connect;

syncBuiltinESMExports();
