package imagepipeline

import java.io.ByteArrayOutputStream
import java.io.DataOutputStream
import java.util.zip.CRC32
import java.util.zip.Deflater
import java.util.zip.DeflaterOutputStream
import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.max
import kotlin.math.min
import kotlin.math.roundToInt
import okio.ByteString.Companion.decodeBase64

/** Pixels of a decoded ThumbHash: RGBA, 4 bytes per pixel, not premultiplied, at most 32 × 32. */
class Pixels(val width: Int, val height: Int, val rgba: ByteArray)

/**
 * ThumbHash of an image, base64 as in `placeholder.thumbhash`. The decoder is a port of the reference implementation
 * (https://github.com/evanw/thumbhash, MIT, Copyright (c) 2023 Evan Wallace). Also a model for Coil: see
 * [imagepipeline.coil.ThumbHashFetcher].
 */
data class ThumbHash(val base64: String) {
    /** Decodes the hash. Throws [IllegalArgumentException] for a text that is no ThumbHash. */
    fun decode(): Pixels {
        val bytes = base64.decodeBase64()?.toByteArray()
        require(bytes != null && bytes.size > HEADER_BYTES) { "\"$base64\" is not a ThumbHash." }
        return Decoder(bytes).decode()
    }

    /** Returns the decoded hash as a PNG, for `BitmapFactory.decodeByteArray` and every other decoder. */
    fun png(): ByteArray = pngOf(decode())

    private companion object {
        const val HEADER_BYTES = 5
    }
}

private class Decoder(private val hash: ByteArray) {
    private fun byte(index: Int): Int = hash.getOrElse(index) { 0 }.toInt() and 255

    private val header24 = byte(0) or (byte(1) shl 8) or (byte(2) shl 16)
    private val header16 = byte(3) or (byte(4) shl 8)
    private val hasAlpha = header24 shr 23 != 0
    private val isLandscape = header16 shr 15 != 0
    private val side = header16 and 7
    private val longSide = if (hasAlpha) 5 else 7
    private var nibble = if (hasAlpha) 12 else 10

    /** Coefficients of one channel: a DC part and the AC parts of [columns] × [rows] in a triangle. */
    private inner class Channel(val columns: Int, val rows: Int, val dc: Double, scale: Double) {
        val ac: DoubleArray = (0 until rows).flatMap { row -> xsOf(row) }.map { next(scale) }.toDoubleArray()

        private fun xsOf(row: Int): List<Int> =
            generateSequence(if (row == 0) 1 else 0) { it + 1 }.takeWhile { it * rows < columns * (rows - row) }.toList()

        private fun next(scale: Double): Double {
            val value = (byte(nibble shr 1) shr ((nibble and 1) shl 2)) and 15
            nibble++
            return (value / 7.5 - 1) * scale
        }

        fun at(fx: DoubleArray, fy: DoubleArray): Double {
            var sum = dc
            var index = 0
            for (row in 0 until rows) {
                var x = if (row == 0) 1 else 0
                while (x * rows < columns * (rows - row)) sum += ac[index++] * fx[x++] * fy[row] * 2
            }
            return sum
        }
    }

    fun decode(): Pixels {
        val (lx, ly) = max(3, if (isLandscape) longSide else side) to max(3, if (isLandscape) side else longSide)
        // In the order of their AC parts in the hash. The chroma is boosted to compensate for its quantization.
        val l = Channel(lx, ly, (header24 and 63) / 63.0, ((header24 shr 18) and 31) / 31.0)
        val p = Channel(3, 3, ((header24 shr 6) and 63) / 31.5 - 1, ((header16 shr 3) and 63) / 63.0 * 1.25)
        val q = Channel(3, 3, ((header24 shr 12) and 63) / 31.5 - 1, ((header16 shr 9) and 63) / 63.0 * 1.25)
        val a = if (hasAlpha) Channel(5, 5, (byte(5) and 15) / 15.0, (byte(5) shr 4) / 15.0) else null

        val ratio = (if (isLandscape) longSide else side).toDouble() / (if (isLandscape) side else longSide)
        val width = (if (ratio > 1) 32.0 else 32 * ratio).roundToInt()
        val height = (if (ratio > 1) 32 / ratio else 32.0).roundToInt()
        require(width > 0 && height > 0) { "The ThumbHash has an empty side." }
        val rgba = ByteArray(width * height * 4)
        var index = 0
        for (y in 0 until height) {
            val fy = cosines(y, height)
            for (x in 0 until width) {
                val fx = cosines(x, width)
                val (light, pv, qv) = Triple(l.at(fx, fy), p.at(fx, fy), q.at(fx, fy))
                val blue = light - 2.0 / 3 * pv
                val red = (3 * light - blue + qv) / 2
                for (value in doubleArrayOf(red, red - qv, blue, a?.at(fx, fy) ?: 1.0)) {
                    rgba[index++] = max(0.0, 255 * min(1.0, value)).toInt().toByte()
                }
            }
        }
        return Pixels(width, height, rgba)
    }

    private fun cosines(position: Int, size: Int) = DoubleArray(7) { cos(PI / size * (position + 0.5) * it) }
}

private fun pngOf(pixels: Pixels): ByteArray {
    val (width, height) = pixels.width to pixels.height
    val header = ByteArrayOutputStream()
    DataOutputStream(header).run {
        writeInt(width)
        writeInt(height)
        // Bit depth 8, RGBA, deflate, no filter, not interlaced.
        write(byteArrayOf(8, 6, 0, 0, 0))
    }
    val rows = ByteArrayOutputStream()
    DeflaterOutputStream(rows, Deflater(Deflater.BEST_SPEED)).use { deflated ->
        for (row in 0 until height) {
            deflated.write(0)
            deflated.write(pixels.rgba, row * width * 4, width * 4)
        }
    }
    val png = ByteArrayOutputStream()
    DataOutputStream(png).run {
        write(byteArrayOf(0x89.toByte(), 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))
        writeChunk("IHDR", header.toByteArray())
        writeChunk("IDAT", rows.toByteArray())
        writeChunk("IEND", ByteArray(0))
    }
    return png.toByteArray()
}

private fun DataOutputStream.writeChunk(name: String, data: ByteArray) {
    val named = name.encodeToByteArray() + data
    writeInt(data.size)
    write(named)
    writeInt(CRC32().apply { update(named) }.value.toInt())
}
