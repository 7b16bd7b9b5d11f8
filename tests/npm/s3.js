// A server that speaks S3, by others (s3rver): keeps its objects in the folder that is named, says its port, and ends with its standard input.
import S3rver from "@20minutes/s3rver";

const server = new S3rver({ address: "127.0.0.1", port: 0, silent: true, directory: process.argv[2], configureBuckets: [{ name: "pombal-test" }] });
const { port } = await server.run();
console.log(port);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
