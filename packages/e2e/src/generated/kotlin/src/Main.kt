import imagepipeline.apis.ImagesApi
import imagepipeline.infrastructure.ClientError
import imagepipeline.infrastructure.ClientException
import imagepipeline.infrastructure.Serializer
import imagepipeline.models.ImageInput
import imagepipeline.models.ImageStatus
import imagepipeline.models.Problem
import java.io.File
import java.util.UUID
import okhttp3.Headers.Companion.toHeaders
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody.Companion.asRequestBody

/** Returns the problem of an error response. */
fun problemOf(error: ClientException): Problem {
    val body = (error.response as ClientError<*>).body as String
    return Serializer.kotlinxSerializationJson.decodeFromString(body)
}

fun main(args: Array<String>) {
    val (url, path) = args
    Serializer.kotlinxSerializationJsonConfiguration = { explicitNulls = false }
    val images = ImagesApi(url)
    val file = File(path)

    val input = ImageInput(file.name, "image/jpeg", file.length(), tags = listOf("kotlin"))
    val key = UUID.randomUUID().toString()
    val created = images.createImage(input, key)
    println("created ${created.status}")
    println("repeated ${images.createImage(input, key).id == created.id}")

    val upload = checkNotNull(created.upload)
    val put = Request.Builder().url(upload.url).headers(checkNotNull(upload.headers).toHeaders())
        .put(file.asRequestBody()).build()
    OkHttpClient().newCall(put).execute().use { check(it.isSuccessful) { it } }

    var image = images.getImage(created.id)
    while (image.status == "pending" || image.status == "processing") {
        Thread.sleep(1_000)
        image = images.getImage(created.id)
    }
    println("${image.status} ${image.variants?.thumbnail?.width}")

    val page = images.listImages(status = ImageStatus.ready, tag = listOf("kotlin"))
    println("listed ${page.items.map { it.id } == listOf(created.id)}")

    try {
        images.getImage("img_00000000000000000000000000")
    } catch (error: ClientException) {
        println("${error.statusCode} ${problemOf(error).code}")
    }
    images.deleteImage(created.id, permanent = true)
}
