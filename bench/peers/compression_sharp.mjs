// The compression row in sharp, one thread: `node compression_sharp.mjs MODE SECONDS FOLDER` prints images a second.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";

sharp.concurrency(1);
sharp.cache(false);

const [mode, seconds, folder] = process.argv.slice(2);
const pictures = readdirSync(folder).map((name) => readFileSync(join(folder, name)));

async function atQuality(content) {
  return sharp(content).jpeg({ quality: 50 }).toBuffer();
}

async function toBytes(content) {
  const limit = Math.floor(content.length / 2);
  const { data, info } = await sharp(content).raw().toBuffer({ resolveWithObject: true });
  const raw = { width: info.width, height: info.height, channels: info.channels };
  let [low, high, best] = [1, 95, null];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const made = await sharp(data, { raw }).jpeg({ quality: middle }).toBuffer();
    if (made.length <= limit) [low, best] = [middle + 1, made];
    else high = middle - 1;
  }
  return best;
}

const compress = mode === "bytes" ? toBytes : atQuality;
await compress(pictures[0]);
let done = 0;
// A core's time, not the clock's: neighbours on the machine don't count.
const began = process.cpuUsage();
const ends = performance.now() + Number(seconds) * 1000;
do {
  for (const picture of pictures) await compress(picture);
  done += pictures.length;
} while (performance.now() < ends);
const { user, system } = process.cpuUsage(began);
console.log((done * 1e6) / (user + system));
