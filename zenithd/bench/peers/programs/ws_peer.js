/* node's `ws`. Each message is framed once for all, by `Sender.frame`, which its author made public for this
 * (websockets/ws pull request 1016). What is due is written to each subscriber's socket at once:
 *
 *   corked  the socket is corked for the length of a batch, as its author says that a user can (pull request 1999)
 *   joined  frames are gathered by subscriber and joined: what nobody documents, but the fastest we found
 *
 * usage: ws_peer.js NODE_MODULES corked|joined TOPICS
 */
"use strict";

const path = require("node:path");
const readline = require("node:readline");
const { WebSocketServer, Sender } = require(path.join(process.argv[2], "ws"));

const joined = process.argv[3] === "joined";
const topics = Number(process.argv[4]);
const TEXT = { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false };
const subscribers = Array.from({ length: topics }, () => []);
const sequences = new Float64Array(topics);
const dirty = []; /* subscribers with something to write */
let state = 1;
let prepared = [];

function nextTopic() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state >>> 8) % topics;
}

/* A message of zenithd/bench/messages.py. */
function make(topic, intended) {
  const name = String(topic).padStart(5, "0");
  const sequence = String(++sequences[topic]).padStart(12, "0");
  const head = `{"Controller":"Market","Topic":"Depth!${name}","Data":"${sequence} ${String(intended).padStart(19, "0")} `;
  return Buffer.from(head.padEnd(198, ".") + '"}');
}

function publish(topic, message) {
  const frame = Buffer.concat(Sender.frame(message, TEXT));
  for (const subscriber of subscribers[topic]) {
    if (!subscriber.waiting++) {
      dirty.push(subscriber);
      if (!joined) subscriber.socket.cork();
    }
    if (joined) subscriber.frames.push(frame);
    else subscriber.socket.write(frame);
  }
}

function flush() {
  for (const subscriber of dirty) {
    if (joined) {
      subscriber.socket.write(Buffer.concat(subscriber.frames));
      subscriber.frames.length = 0;
    } else {
      subscriber.socket.uncork();
    }
    subscriber.waiting = 0;
  }
  dirty.length = 0;
}

function prepare(count) {
  prepared = Array.from({ length: count }, () => {
    const topic = nextTopic();
    return [topic, make(topic, 0)];
  }).reverse();
}

function batch(count) {
  while (count--) publish(...prepared.pop());
  flush();
}

/* Messages that are due are published together, with the times intended whatever the delay. */
function pace(rate, seconds, done) {
  const started = process.hrtime.bigint();
  const total = Math.floor(rate * seconds);
  let sent = 0;
  const turn = () => {
    const elapsed = Number(process.hrtime.bigint() - started);
    const due = Math.min(total, Math.floor((elapsed * rate) / 1e9) + 1);
    for (; sent < due; sent++) {
      const topic = nextTopic();
      publish(topic, make(topic, started + BigInt(Math.floor((sent * 1e9) / rate))));
    }
    flush();
    if (sent === total) done();
    else if ((sent * 1e9) / rate - Number(process.hrtime.bigint() - started) > 5e5) setTimeout(turn, 1);
    else setImmediate(turn);
  };
  turn();
}

const done = () => process.stdout.write("done\n");
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 4096, perMessageDeflate: false });
server.on("connection", (client, request) => {
  const subscriber = { socket: request.socket, frames: [], waiting: 0 };
  client.on("error", () => {}); /* the bench's clients end without a closing handshake */
  client.on("message", (text) => {
    for (const word of String(text).split(" ").slice(1)) subscribers[Number(word)].push(subscriber);
  });
});
server.on("listening", () => process.stdout.write(`listening ${server.address().port}\n`));
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const [verb, one, two] = line.split(" ");
  if (verb === "pace") return pace(Number(one), Number(two), done);
  if (verb === "prepare") prepare(Number(one));
  else if (verb === "batch") batch(Number(one));
  done();
}).on("close", () => process.exit(0));
