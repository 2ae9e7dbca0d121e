package imagepipeline

import imagepipeline.model.BatchOperation
import imagepipeline.model.BatchOperation.Op
import imagepipeline.model.Changes
import imagepipeline.model.FocusInput
import imagepipeline.model.Image
import imagepipeline.model.ImageInput
import imagepipeline.model.RegionInput
import java.io.File
import java.io.IOException
import kotlin.system.exitProcess
import kotlin.time.ExperimentalTime
import kotlin.time.Instant
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.Interceptor
import okhttp3.OkHttpClient
import okhttp3.Response
import okio.ByteString.Companion.toByteString

/**
 * A phone for the tests of the whole stack: it reads commands from standard input, one a line, and writes JSON objects,
 * the last of a command with `done`. The property `halt` ends the process at a step, by number, as a kill would;
 * `haltAfter` ends it after the response of a request, such as `PUT 2`.
 */
fun main() {
    try {
        val phone = Phone()
        for (line in generateSequence(::readLine)) phone.execute(line.split(" "))
    } catch (error: Exception) {
        error.printStackTrace()
        exitProcess(1)
    }
    // Idle connections of OkHttp keep a JVM alive.
    exitProcess(0)
}

private fun print(vararg fields: Pair<String, Any?>) {
    println(JsonObject(fields.associate { (name, value) -> name to JsonPrimitive(value?.toString()) }))
    System.out.flush()
}

/** Counts the steps of an upload and ends the process at one of them, without running any handler. */
private object Steps {
    private val haltAt = Integer.getInteger("halt", 0)
    private val haltAfter = System.getProperty("haltAfter")
    var count = 0

    @Synchronized
    fun step(name: String) {
        if (++count == haltAt || name == "after $haltAfter") {
            print("halted" to name)
            Runtime.getRuntime().halt(9)
        }
    }
}

private class HaltingStore(private val store: Store) : Store by store {
    override fun add(entry: Entry) {
        store.add(entry)
        Steps.step("add")
    }

    override fun save(entry: Entry) {
        Steps.step("before ${entry.state}")
        store.save(entry)
        Steps.step("after ${entry.state}")
    }
}

/**
 * Faults of the next PUT: `lose` loses its response, `repeat` sends it twice, `expire` breaks its signature as an expiry
 * does, and a URL is that of a captive portal that answers in the place of S3.
 */
private class Faults : Interceptor {
    @Volatile
    var next: String? = null

    override fun intercept(chain: Interceptor.Chain): Response {
        val request = chain.request()
        val part = request.url.queryParameter("partNumber")
        val name = listOfNotNull(request.method, part).joinToString(" ")
        val path = request.url.encodedPath
        print("request" to "$name ${if (path == "/uploads/sign") "sign" else path.split('/')[1]}")
        Steps.step("before $name")
        val fault = next.takeIf { request.method == "PUT" }
        if (fault != null) next = null
        val url = when (fault) {
            null, "lose", "repeat" -> request.url
            "expire" -> request.url.newBuilder().setQueryParameter("X-Amz-Signature", "0".repeat(64)).build()
            else -> fault.toHttpUrl()
        }
        val response = chain.proceed(request.newBuilder().url(url).build())
        print("response" to response.code)
        Steps.step("after $name")
        if (fault == "lose" || fault == "repeat") response.close()
        if (fault == "lose") throw IOException("The response was lost.")
        return if (fault == "repeat") chain.proceed(request).also { print("response" to it.code) } else response
    }
}

@OptIn(ExperimentalTime::class)
private class Phone {
    private val faults = Faults()
    private val http = OkHttpClient.Builder().addInterceptor(faults).build()
    private var images = Images("http://127.0.0.1:9", http)

    private fun uploads(folder: String) = File(folder).let { Uploads(images, HaltingStore(FileStore(it)), it) }

    fun execute(words: List<String>) = runBlocking {
        try {
            run(words)
        } catch (error: ImagesException) {
            print("code" to error.code, "text" to error.codeText, "status" to error.status)
        }
        print("done" to words[0])
    }

    private suspend fun run(words: List<String>) {
        val folder = words.getOrElse(1) { "" }
        when (words[0]) {
            "add" -> {
                val (_, _, path, type, tag) = words
                val face = RegionInput(x = 0.5, y = 0.5, width = 0.5, height = 0.5, kind = "face")
                val details = Details(tags = listOf(tag), focus = FocusInput(0.5, 0.5), regions = listOf(face))
                val id = uploads(folder).add(File(path).inputStream(), "$tag.jpg", type, details)
                print("id" to id)
            }
            "run" -> report(folder, uploads(folder).run(idIn(folder)))
            "finish" -> report(folder, uploads(folder).finish(idIn(folder)))
            "cancel" -> report(folder, uploads(folder).cancel(idIn(folder)))
            "retry" -> uploads(folder).retry(idIn(folder))
            "dismiss" -> uploads(folder).dismiss(idIn(folder))
            "api" -> images = Images(words[1], http)
            "fault" -> faults.next = words[1]
            "steps" -> print("steps" to Steps.count)
            "create" -> images.create(ImageInput(words[1], words[2], words[3].toLong()))
            "import" -> images.importUrl(words[1], Details(title = "Imported")).let { report(images.get(it.id)) }
            "get" -> report(images.get(words[1]))
            "delete" -> images.delete(words[1], permanent = words.size > 2)
            "restore" -> report(images.restore(words[1]))
            "reprocess" -> report(images.reprocess(words[1]))
            "retitle" -> report(
                images.update(words[1], Changes(title = words[2]), version = words.getOrNull(3)?.toInt()),
            )
            "expire" -> report(images.update(words[1], Changes(expiresAt = Instant.parse(words[2]))))
            "keep" -> report(images.update(words[1], clear = setOf("expiresAt")))
            "batch" -> {
                val titled = words.drop(1).map { BatchOperation(Op.update, it, changes = Changes(title = "Batch")) }
                val (failed, items) = images.batch(titled + BatchOperation(Op.delete, words[1]))
                print("failed" to failed, "statuses" to items.joinToString(" ") { it.status.toString() })
                for (item in items) print("title" to item.image?.title, "code" to item.problem?.code)
            }
            "changes" -> {
                val page = images.changes(words.getOrNull(1), limit = 100, wait = 0)
                print("cursor" to page.nextCursor, "more" to page.more)
                for (item in page.items) print("op" to item.op, "id" to item.id, "version" to item.version)
            }
            "usage" -> images.usage(words[1]).let {
                print("month" to it.month, "days" to it.days.size, "day" to it.days.firstOrNull()?.date)
            }
            "look" -> {
                val (id) = words.drop(1)
                print("original" to images.original(id).url, "similar" to images.similar(id).items.size)
                print("events" to images.events(id).joinToString(" ") { it.type }, "count" to images.count().count)
                val (items, cursor) = images.page("status" to "ready", limit = 1)
                print("page" to items.size, "next" to images.page("status" to "ready", cursor = cursor).items.size)
            }
            "wait" -> images.wait(words[1]).let { print("status" to it.status, "code" to it.error?.code) }
            "codes" -> {
                print("codes" to ErrorCode.entries.joinToString(" ") { it.text })
                print("codes" to RejectionCode.entries.joinToString(" ") { it.text })
            }
            "thumbhash" -> ThumbHash(words[1]).decode().let {
                print("width" to it.width, "height" to it.height, "rgba" to it.rgba.toByteString().hex())
            }
            else -> error("Unknown command ${words[0]}.")
        }
    }

    private fun report(image: Image) = print(
        "id" to image.id,
        "status" to image.status,
        "version" to image.version,
        "title" to image.title,
        "expiresAt" to image.expiresAt,
        "trashed" to (image.trash != null),
    )

    private suspend fun idIn(folder: String): String = uploads(folder).list().singleOrNull()?.id ?: "none"

    private suspend fun report(folder: String, result: UploadResult) {
        val entry = uploads(folder).list().singleOrNull()
        val files = File(folder).list().orEmpty().count { it.endsWith(".bytes") }
        val base = arrayOf("state" to entry?.state, "files" to files)
        when (result) {
            is UploadResult.Success -> print("result" to "success", "imageID" to result.imageID, *base)
            is UploadResult.Retry ->
                print("result" to "retry", "delayMs" to result.delayMs, "code" to result.error?.code, *base)
            is UploadResult.Failure -> print("result" to "failure", "code" to result.error.code, *base)
        }
    }
}
